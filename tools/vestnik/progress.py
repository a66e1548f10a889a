"""Shows what is being waited for: a spinner on a terminal, finished lines everywhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console


class Steps:
    """Prints every step with the time it took, as soon as the next one begins."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._step = ""
        self._begun = 0.0

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._finish("red]✗" if error else "green]✓")
        self._status.stop()

    def __call__(self, step: str) -> None:
        """Begin the next step."""
        self._finish("green]✓")
        self._step, self._begun = step, time.monotonic()
        self._status.update(step)

    def _finish(self, mark: str) -> None:
        if self._step:
            self._console.print(
                f"[{mark}[/] {self._step} [dim]{time.monotonic() - self._begun:.1f} s[/]", highlight=False
            )
        self._step = ""
