"""One message on a person's phone, and one call about it (hot path)."""

from typing import Any

import msgspec

from services.sandbox.sends.service import Send

RANKS = {"": 0, "accepted": 1, "sent": 2, "delivered": 3, "read": 4, "played": 5, "failed": 6}


class Watched:
    """One call, kept small; it becomes a `Call` when somebody looks."""

    __slots__ = ("ended", "send", "started", "text")

    def __init__(self, send: Send, text: str, started: float) -> None:
        self.send = send
        self.text = text
        self.started = started
        self.ended = 0.0


class Bubble:
    """A message that came (`is_own` false) or that the person wrote.

    `status` of an incoming one is what was last reported; of the person's own `sent`, or `read` once the business
    has marked it.
    """

    __slots__ = ("at", "context", "is_own", "kept", "phone_number_id", "status", "text", "type", "wamid", "weight")

    def __init__(self, wamid: str, phone_number_id: str, type_: str, text: str, at: float) -> None:
        self.wamid = wamid
        self.phone_number_id = phone_number_id
        self.type = type_
        self.text = text
        self.at = at
        self.is_own = False
        self.kept: Any = None  # the request's bytes, or what the person's message holds
        self.context: str | None = None
        self.status = "accepted"
        self.weight = 0

    @property
    def content(self) -> Any:
        """The object under the type's name, as plain JSON; None when it was too large to be kept."""
        if isinstance(self.kept, bytes):
            return msgspec.json.decode(self.kept).get(self.type)
        return self.kept

    def reached(self, status: str) -> None:
        """A status was reported; an earlier one does not take it back."""
        if RANKS.get(status, 0) > RANKS.get(self.status, 0):
            self.status = status
