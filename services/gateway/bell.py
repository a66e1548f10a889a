"""A bell for loops of this process: whoever has committed work for them rings, and they look before their next poll."""

from collections.abc import Callable


class Bell:
    """Heard by all who listen; without anybody the work waits for a poll, or for another process."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def ring(self) -> None:
        for heard in self._listeners:
            heard()

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Have `heard` called at every `ring()`; returns what ends it."""
        self._listeners.append(heard)
        return lambda: self._listeners.remove(heard)
