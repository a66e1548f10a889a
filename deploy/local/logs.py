"""Log files that children append to by themselves, kept small by copying and cutting them in place.

A child writes straight to its file (O_APPEND), never into a pipe of ours: a slow or dead supervisor cannot block or
lose it. Rotation copies the file and truncates it; the next line of the child then begins at the new end.
"""

import os
import shutil
from pathlib import Path

LIMIT_BYTES = 50_000_000  # of one file
KEPT_FILES = 3  # the living one and two older


def open_for_child(path: Path) -> int:
    """Return a descriptor for a child's standard output and error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def rotate(path: Path, *, limit_bytes: int = LIMIT_BYTES, kept_files: int = KEPT_FILES) -> bool:
    """Move the content of a file over the limit to `<name>.1` (and .1 to .2); say whether it did."""
    if not path.exists() or path.stat().st_size <= limit_bytes:
        return False
    for number in range(kept_files - 1, 1, -1):
        older = path.with_name(f"{path.name}.{number - 1}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number}"))
    _copy_and_cut(path, path.with_name(f"{path.name}.1"))
    return True


def _copy_and_cut(source: Path, target: Path) -> None:
    """Copy until nothing more comes, then truncate: what a child writes between the two is the only loss."""
    with source.open("r+b", buffering=0) as reader, target.open("wb") as writer:
        while chunk := reader.read(1 << 20):
            writer.write(chunk)
        reader.truncate(0)
    shutil.copymode(source, target)


def tail(path: Path, *, lines: int = 20) -> str:
    """Return the last lines of a log, for a message to a person."""
    if not path.exists():
        return "(no log yet)"
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16_384))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
