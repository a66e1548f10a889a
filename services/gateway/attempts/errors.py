"""What can be wrong with a question about attempts."""

from services.kernel.errors import Unprocessable


class BadCursor(Unprocessable):
    """The cursor is none of ours."""

    code = "bad_cursor"
