"""Which words of a person turned something when they came; holds no connection."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.consent.consents.book import Book
from services.consent.consents.fold import Act, turning
from services.consent.consents.repository import key_of
from services.kernel.contracts.conversations import Confirmation


class Word(NamedTuple):
    """A STOP or START: when it counts, the same at every delivery, and what the person is told that it did."""

    at: datetime
    confirm: Confirmation | None


def words(book: Book, rows: Iterable[Any], causes: Mapping[UUID, UUID]) -> dict[UUID, Word]:
    """By cause, the words among the recorded acts: `causes` says by act id which acts are asked about."""
    by_id = {row.id: row for row in rows}
    recorded = {id_: row.recorded_at for id_, row in by_id.items()}
    found: dict[UUID, Word] = {}
    for act_id, cause in causes.items():
        row = by_id.get(act_id)
        if row is None:  # recorded before of somebody of whom nobody knows that it is the same person
            continue
        confirm = _turned(act_id, [one.act for one in book.counted(key_of(row))], recorded)
        other = found.get(cause, Word(row.occurred_at, None))  # one message may hold both words
        found[cause] = Word(min(row.occurred_at, other.at), confirm or other.confirm)
    return found


def _turned(act_id: UUID, said: list[Act], recorded: Mapping[UUID, datetime]) -> Confirmation | None:
    """What an act turned, whatever was recorded later and whenever that was said."""
    moment = recorded[act_id]
    known = (act for act in said if act.id not in recorded or recorded[act.id] < moment)
    return turning(known, (act for act in said if recorded.get(act.id) == moment)).get(act_id)
