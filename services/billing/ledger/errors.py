"""What can go wrong when money is booked by hand."""

from services.kernel.errors import Conflict, Unprocessable


class ReferenceTaken(Conflict):
    """The same reference was booked before with another amount."""

    code = "reference_taken"


class WrongCurrency(Unprocessable):
    """The rate card in force is in another currency."""

    code = "wrong_currency"
