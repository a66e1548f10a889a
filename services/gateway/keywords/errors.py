"""What can be wrong with a tenant's words."""

from services.kernel.errors import Unprocessable


class BadWord(Unprocessable):
    """A word that could never be recognised, or would mean two things."""

    code = "bad_word"
