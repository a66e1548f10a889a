"""Why a rate card does not come into force."""

from services.kernel.errors import Conflict, Unprocessable


class CardRefused(Unprocessable):
    """The card is malformed; the text names the field, the row and the reason."""

    code = "malformed_card"


class WrongTime(Unprocessable):
    """The card would be in force before every process knows it, or in a year that nobody means."""

    code = "wrong_time"


class TimePassed(Conflict):
    """The card waited for its second person beyond the time from which it was to be in force."""

    code = "time_passed"


class TimeTaken(Conflict):
    """Another card is in force from that very moment."""

    code = "time_taken"
