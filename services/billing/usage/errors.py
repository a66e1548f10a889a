"""What a tenant's question about its months can be refused for."""

from services.kernel.errors import Unprocessable


class BadMonths(Unprocessable):
    """A range of months that is empty or longer than one question may be."""
