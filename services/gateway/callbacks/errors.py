"""What can be wrong with a tenant's callback settings."""

from services.kernel.errors import Conflict, NotFound, Unprocessable


class BadCallbackUrl(Unprocessable):
    """The URL is not one that we call; the message says what to give instead."""

    code = "bad_callback_url"


class BadTopic(Unprocessable):
    """The filter names a topic that no fact has; the message lists those that exist."""

    code = "bad_topic"


class NoSuchEndpoint(NotFound):
    """The tenant has no endpoint with this id."""

    code = "no_such_endpoint"

    def __init__(self) -> None:
        super().__init__("there is no callback endpoint with this id: GET /v1/callbacks lists yours")


class TooManyEndpoints(Conflict):
    """The tenant has as many endpoints as it may have."""

    code = "too_many_endpoints"


class FirstEndpointStays(Conflict):
    """The endpoint of /v1/callback cannot be removed."""

    code = "first_endpoint"


class RotationUnderWay(Conflict):
    """The secret before the present one is still in use."""

    code = "rotation_under_way"


class EndpointNotActive(Conflict):
    """The endpoint is disabled, or has no URL yet."""

    code = "endpoint_not_active"


class TooManyTests(Conflict):
    """As many tests as may wait for the endpoint are waiting."""

    code = "too_many_tests"
