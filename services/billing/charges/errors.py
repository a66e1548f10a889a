"""What a tenant's question about its charges can be refused for."""

from services.kernel.errors import Unprocessable


class BadRange(Unprocessable):
    """A time range that is empty."""
