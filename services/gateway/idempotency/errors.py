"""Why a request with an idempotency key is not taken."""

from services.kernel.errors import Conflict, Unprocessable


class KeyInUse(Conflict):
    """The first request with this key is still being worked on."""

    code = "idempotency_key_in_use"


class KeyOfAnotherRequest(Unprocessable):
    """The key stands for another body."""

    code = "idempotency_key_of_another_request"
