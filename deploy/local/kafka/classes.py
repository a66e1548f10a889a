"""An archive of the broker's classes as the JVM holds them: a broker that starts from it needs a third less."""

import os
import subprocess
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

READY_SECONDS = 60.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.2


def archive(java: str, jars: Path) -> Path:
    """Return the file of the archive, there or not: another Java, other jars and another place have another one."""
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = sorted((jar.name, jar.stat().st_mtime_ns) for jar in jars.glob("*.jar"))
    return jars.parent / f"classes-{zlib.crc32(f'{version}{jars}{found}'.encode()):08x}.jsa"


def use(file: Path) -> list[str]:
    """Return the options to start a broker with."""
    return [f"-XX:SharedArchiveFile={file}"] if file.exists() else []


def make(file: Path, command: Sequence[str], is_ready: Callable[[], bool]) -> None:
    """Run the broker once: as it ends it writes the archive. Where that fails there is none, and it is slower."""
    written = file.with_suffix(f".{os.getpid()}")
    argv = [command[0], f"-XX:ArchiveClassesAtExit={written}", *command[1:]]
    broker = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while broker.poll() is None and not is_ready() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        broker.terminate()
        with suppress(subprocess.TimeoutExpired):
            broker.wait(STOP_SECONDS)
    finally:
        broker.kill()
        broker.wait()
    if broker.returncode >= 0 and written.exists():  # from one that was killed half of it would be taken for whole
        written.replace(file)
    written.unlink(missing_ok=True)
