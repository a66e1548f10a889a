"""What can go wrong when money is booked by hand."""

from services.kernel.errors import Conflict, Unprocessable


class ReferenceTaken(Conflict):
    """The same reference was booked before with another amount."""

    code = "reference_taken"


class TooMuch(Unprocessable):
    """The accounts cannot hold so much money: no payment is as large, but many typing errors together are."""

    code = "too_much"


class WrongCurrency(Unprocessable):
    """The rate card in force is in another currency."""

    code = "wrong_currency"
