"""Places in a history, to break something there; and people whom the plain one does not have."""

from tests.chaos.judge.evidence import Row
from tests.chaos.judge.planting.tale import KIOSK, SHOP, Tale

FEDOR, KIRA = SHOP.person("+79990000021"), KIOSK.person("+79990000022")


def charge_of(tale: Tale, message_id: str) -> Row:
    return next(row for row in tale.charges["shop"] if row["message_id"] == message_id)


def sends_of(tale: Tale, message_id: str) -> list[Row]:
    return [row for row in tale.sends if row["biz_opaque_callback_data"] == message_id]


def answer_of(tale: Tale, message_id: str) -> Row:
    body: Row = next(row["body"] for row in tale.answers if row["id"] == message_id)
    return body


def told_of(tale: Tale, message_id: str, status: str) -> Row:
    """The line of a callback that was answered 200."""
    event = f"event-{message_id}-{status}"
    return next(row for row in tale.callbacks if row["event_id"].startswith(event) and row["answered"] == 200)
