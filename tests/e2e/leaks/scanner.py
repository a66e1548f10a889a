"""Looks for every form of every secret in every place, and counts what was looked at."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.e2e.leaks.forms import Form, Secret, forms
from tests.e2e.leaks.places import Piece


class Leak(NamedTuple):
    """One form of one secret at one place; never the secret itself, as this is shown in a test's report."""

    place: str
    secret: str
    form: str


class Scan:
    """Remembers leaks, and how many bytes of each place were looked at: a scan that saw nothing proves nothing."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._forms = [(secret.name, form) for secret in secrets for form in forms(secret)]
        self.leaks: set[Leak] = set()
        self.bytes_by_place: Counter[str] = Counter()

    def look(self, piece: Piece) -> None:
        self.bytes_by_place[piece.place] += len(piece.content)
        self.leaks.update(Leak(piece.place, name, form.name) for name, form in self._found(piece.content))

    def _found(self, content: bytes) -> Iterator[tuple[str, Form]]:
        return ((name, form) for name, form in self._forms if form.needle in content)

    def look_at_all(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self.look(piece)

    async def look_at_every(self, pieces: AsyncIterator[Piece]) -> None:
        async for piece in pieces:
            self.look(piece)

    def places(self, prefix: str) -> set[str]:
        """The places of one kind that held anything."""
        return {place for place, count in self.bytes_by_place.items() if place.startswith(prefix) and count}

    @property
    def forms_count(self) -> int:
        return len(self._forms)

    def report(self) -> str:
        kinds = Counter({kind: len(self.places(kind)) for kind in ("topic", "table", "file", "page")})
        megabytes = sum(self.bytes_by_place.values()) / 1e6
        looked = ", ".join(f"{count} {kind}s" for kind, count in kinds.items())
        return f"{self.forms_count} forms looked for in {looked} ({megabytes:.1f} MB): {len(self.leaks)} leaks"
