"""What a replay may be refused for."""

from services.kernel.errors import NotFound, Unprocessable


class NothingTold(NotFound):
    """The endpoint was told nothing of this message in the days that are kept."""

    code = "nothing_told"


class RangeTooOld(Unprocessable):
    """The range lies before what is kept, or in the future."""

    code = "bad_range"
