"""Which files the rules look at."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("services", "deploy", "tools", "tests")


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file that is or would be committed, relative to the repository."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "-C",
        str(ROOT),
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(sorted(Path(name) for name in set(listed) if (ROOT / name).is_file()))


def python(*folders: str) -> list[Path]:
    """Return the Python files of some folders."""
    return [path for path in tracked() if path.suffix == ".py" and path.parts[0] in (folders or CODE)]


@cache
def text(path: Path) -> str | None:
    """Return what a file says, or None for a file that is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax of a Python file."""
    return ast.parse(text(path) or "")
