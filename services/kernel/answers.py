"""Errors as answers of HTTP: problem details of RFC 9457, the same from every door."""

from fastapi.responses import JSONResponse, Response

from services.kernel.errors import ServiceError, Unavailable, is_retryable
from services.kernel.logging import get_logger

PROBLEM = "application/problem+json"

_log = get_logger()


def problem(status: int, code: str, detail: str, *, retry_after_seconds: int | None = None, **more: object) -> Response:
    """An RFC 9457 answer; `code` is stable for machines, `detail` says what to do."""
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    content = {"type": f"urn:vestnik:problem:{code}", "title": code, "status": status, "detail": detail, **more}
    return JSONResponse(content, status, headers, PROBLEM)


def error_response(error: Exception) -> Response:
    """The problem details of any error; what nobody foresaw is a 500 that says nothing of its inside."""
    if isinstance(error, ServiceError):
        return problem(error.status, error.code, str(error), retry_after_seconds=error.retry_after_seconds)
    if is_retryable(error):
        _log.warning("request met an outage", error_class=type(error).__name__)
        return error_response(Unavailable("a part of the system does not answer; try again shortly"))
    _log.error("request failed", exc_info=error)
    return problem(500, "internal_error", "an unexpected error; it was logged and will be looked at")
