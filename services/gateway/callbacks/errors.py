"""What can be wrong with a tenant's callback settings."""

from services.kernel.errors import Unprocessable


class BadCallbackUrl(Unprocessable):
    """The URL is not one that we call; the message says what to give instead."""

    code = "bad_callback_url"
