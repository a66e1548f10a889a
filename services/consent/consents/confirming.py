"""Which words of a person turned something when they came; holds no connection."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.consent.consents.book import Book
from services.consent.consents.fold import Act, turning
from services.consent.consents.repository import Key
from services.kernel.contracts.conversations import Confirmation


def turned(book: Book, asked: Mapping[UUID, Key], recorded: Mapping[UUID, datetime]) -> dict[UUID, Confirmation]:
    """By act id, what those of the asked acts turned that turned anything: the same at every delivery.

    `recorded` says when each act was recorded. What came later is left out, whenever it was said.
    """
    found: dict[UUID, Confirmation] = {}
    for act_id, key in asked.items():
        kind = _turned(act_id, [one.act for one in book.counted(key)], recorded)
        if kind is not None:
            found[act_id] = kind
    return found


def _turned(act_id: UUID, said: list[Act], recorded: Mapping[UUID, datetime]) -> Confirmation | None:
    moment = recorded[act_id]
    known = (act for act in said if act.id not in recorded or recorded[act.id] < moment)
    return turning(known, (act for act in said if recorded.get(act.id) == moment)).get(act_id)
