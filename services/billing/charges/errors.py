"""What a tenant's question about its charges can be refused for."""

from services.kernel.errors import Unprocessable


class BadCursor(Unprocessable):
    def __init__(self) -> None:
        super().__init__("cursor: this is not a cursor of ours; take paging.next of the page before, or leave it out")


class OtherQuestion(Unprocessable):
    """A cursor goes on with one question: the filters belong to it."""

    def __init__(self) -> None:
        super().__init__("cursor: it belongs to other filters; repeat those of the first page, or leave the cursor out")


class BadRange(Unprocessable):
    """A time range that is empty."""
