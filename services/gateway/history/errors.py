"""What a tenant's question about its messages can be refused for."""

from services.kernel.errors import Conflict, Unprocessable


class BadRange(Unprocessable):
    """A time range that is empty or longer than one question may be."""


class TooLate(Conflict):
    """The message can no longer be cancelled; the text says its state and what is left to do."""

    code = "too_late"

    def __init__(self, state: str, advice: str) -> None:
        super().__init__(f"the message is {state} and can no longer be cancelled: {advice}")
