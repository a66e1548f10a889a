"""The bench's directory: emptied before a run, except for earlier results, so that every run starts the same."""

import fcntl
import os
import shutil
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.supervisor import end_forgotten

RESULT = "latest.json"
KEPT = (RESULT, "lock")
PROFILES = "profile-*"


def prepare(directory: Path) -> None:
    """End what a crashed run left running and remove what it left lying; refuses while another run is at work."""
    directory.mkdir(parents=True, exist_ok=True)
    held = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        end_forgotten(directory)
        _empty(directory)
    except BlockingIOError:
        raise StackError(f"Another bench runs in {directory}: wait for it, or stop it with Ctrl-C.") from None
    finally:
        os.close(held)


def _empty(directory: Path) -> None:
    note = directory / "postgres.elsewhere"
    if note.exists():
        shutil.rmtree(note.read_text().strip(), ignore_errors=True)
    kept = {directory / name for name in KEPT} | set(directory.glob(PROFILES))
    for path in directory.iterdir():
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
