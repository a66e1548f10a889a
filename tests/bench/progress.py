"""Shows how far a phase is: a bar on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

LINE_EVERY_SECONDS = 5.0

Tell = Callable[[float, str], None]


class Phases:
    """Every phase ends as one line with the time it took."""

    def __init__(self, console: Console, *, line_every_seconds: float = LINE_EVERY_SECONDS) -> None:
        self.console = console
        self._line_every_seconds = line_every_seconds

    @contextmanager
    def phase(self, what: str, total: float | None = None) -> Iterator[Tell]:
        """Give the body a function that tells how much of `total` is done and what else is worth knowing."""
        begun, mark = time.monotonic(), "[red]✗[/]"
        try:
            with self._shown(what, total) as tell:
                yield tell
            mark = "[green]✓[/]"
        finally:
            self.console.print(f"{mark} {what} [dim]{time.monotonic() - begun:.1f} s[/]", highlight=False)

    def _shown(self, what: str, total: float | None) -> AbstractContextManager[Tell]:
        return self._bar(what, total) if self.console.is_terminal else self._lines(what, total)

    @contextmanager
    def _bar(self, what: str, total: float | None) -> Iterator[Tell]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        with Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True) as progress:
            task = progress.add_task(what, total=total, note="")
            yield lambda done, note: progress.update(task, completed=done, note=note)

    @contextmanager
    def _lines(self, what: str, total: float | None) -> Iterator[Tell]:
        told_at = time.monotonic()

        def tell(done: float, note: str) -> None:
            nonlocal told_at
            if time.monotonic() - told_at < self._line_every_seconds:
                return
            told_at = time.monotonic()
            share = f" {done:.0f} of {total:.0f}" if total else ""
            self.console.print(f"  {what}{share} {note}".rstrip(), highlight=False)

        yield tell
