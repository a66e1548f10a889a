"""Refusals of the send door: code and title are Meta's (whatsapp-cloud-api 4), details say what to do."""

from services.kernel.errors import ServiceError

OAUTH = "OAuthException"
GRAPH_METHOD = "GraphMethodException"


class GraphError(ServiceError):
    """An answer in Meta's envelope; `graph_code` is Meta's number, `details` is ours."""

    status = 400
    graph_code = 100
    title = "Invalid parameter"
    type = OAUTH
    subcode: int | None = None
    is_transient = False

    def __init__(self, details: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(details)
        self.retry_after_seconds = retry_after_seconds

    def envelope(self, trace_id: str) -> dict[str, object]:
        """`{"error": {...}}` as Meta writes it (whatsapp-cloud-api 2.1)."""
        error: dict[str, object] = {
            "message": f"(#{self.graph_code}) {self.title}",
            "type": self.type,
            "code": self.graph_code,
            "fbtrace_id": trace_id,
            "error_data": {"messaging_product": "whatsapp", "details": self.message},
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.is_transient:
            error["is_transient"] = True
        return {"error": error}


class InvalidParameter(GraphError):
    """Code 100: the shape or a value of the request."""


class InvalidKey(GraphError):
    status = 401
    graph_code = 190
    title = "Invalid OAuth access token"


class NoSuchNumber(GraphError):
    """The same for a number that does not exist and for one of another tenant, byte for byte."""

    title = "Unsupported post request"
    type = GRAPH_METHOD
    subcode = 33

    def __init__(self) -> None:
        super().__init__(
            "Object with this ID does not exist, cannot be loaded due to missing permissions, or does not support this "
            "operation: post to the phone_number_id of one of your numbers."
        )


class Locked(GraphError):
    status = 403
    graph_code = 131031
    title = "Business Account locked"


class MissingParameter(GraphError):
    graph_code = 131008
    title = "Required parameter is missing"


class InvalidValue(GraphError):
    graph_code = 131009
    title = "Parameter value is not valid"


class SameNumber(GraphError):
    graph_code = 131021
    title = "Recipient cannot be sender"


class UnsupportedType(GraphError):
    graph_code = 131051
    title = "Unsupported message type"


class ParameterCount(GraphError):
    graph_code = 132000
    title = "Number of parameters does not match the expected number of params"


class TextTooLong(GraphError):
    graph_code = 132005
    title = "Translated text too long"


class FormatMismatch(GraphError):
    graph_code = 132012
    title = "Parameter format does not match format in the created template"


class WrongParameters(GraphError):
    graph_code = 132018
    title = "There is an issue with the parameters in your template"


class UserIdNotAllowed(GraphError):
    """A business-scoped user id where Meta needs the phone number."""

    graph_code = 131062
    title = "Business-scoped user ID recipients are not supported for this message"


class NoSuchTemplate(GraphError):
    status = 404
    graph_code = 132001
    title = "Template name does not exist in the translation"


class ServerError(GraphError):
    """A bug of ours."""

    status = 500
    graph_code = 1
    title = "An unknown error occurred"


class BodyTooLarge(GraphError):
    status = 413


class OtherBody(GraphError):
    """An idempotency key that stands for another request."""

    status = 422


class InProgress(GraphError):
    """The first request with this idempotency key is still being worked on."""

    status = 409
    graph_code = 2
    title = "Service temporarily unavailable"
    is_transient = True
    retryable = True


class RateLimited(GraphError):
    status = 429
    graph_code = 130429
    title = "Rate limit hit"
    is_transient = True
    retryable = True


class Busy(RateLimited):
    """We hold as many requests as we can."""

    status = 503


class Down(GraphError):
    """Something we depend on does not answer."""

    status = 503
    graph_code = 2
    title = "Service temporarily unavailable"
    is_transient = True
    retryable = True


class NoSuchObject(GraphError):
    """The same for what does not exist and for what is another tenant's, byte for byte; `method` is the request's."""

    type = GRAPH_METHOD
    subcode = 33

    def __init__(self, method: str) -> None:
        super().__init__(
            "Object with this ID does not exist, cannot be loaded due to missing permissions, or does not support this "
            "operation: use an id of yours."
        )
        self.title = f"Unsupported {method.lower()} request"


class NotAllowed(GraphError):
    """The key is known and may not do this."""

    status = 403
    graph_code = 10
    title = "Application does not have permission for this action"
