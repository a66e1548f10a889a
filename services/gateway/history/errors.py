"""What a tenant's question about its messages can be refused for."""

from services.kernel.errors import Conflict, Unprocessable


class BadCursor(Unprocessable):
    def __init__(self) -> None:
        super().__init__("cursor: this is not a cursor of ours; take paging.next of the page before, or leave it out")


class OtherQuestion(Unprocessable):
    """A cursor goes on with one question: the filters belong to it."""

    def __init__(self) -> None:
        super().__init__("cursor: it belongs to other filters; repeat those of the first page, or leave the cursor out")


class BadRange(Unprocessable):
    """A time range that is empty or longer than one question may be."""


class TooLate(Conflict):
    """The message can no longer be cancelled; the text says its state and what is left to do."""

    code = "too_late"

    def __init__(self, state: str, advice: str) -> None:
        super().__init__(f"the message is {state} and can no longer be cancelled: {advice}")
