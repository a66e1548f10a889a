"""Errors that carry their own fate: a status for HTTP, a code for machines, and whether trying again makes sense."""

from aiokafka.errors import KafkaError, KafkaTimeoutError, KafkaUnavailableError
from asyncpg import InterfaceError as AsyncpgInterfaceError
from asyncpg import InvalidCachedStatementError, PostgresError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

#: Classes of SQLSTATE that pass by themselves (PostgreSQL, appendix A): connection, rollback (deadlock, serialization),
#: resources, object state (lock_timeout), operator intervention (statement_timeout, shutdown), idle in transaction, a
#: server that takes no writes (a standby before its promotion, a full disk).
SQLSTATES_THAT_PASS = ("08", "40", "53", "55", "57", "25P03", "25006")


class ServiceError(Exception):
    """An expected failure; anything else that is raised is a bug. The message says what to do and holds no content."""

    status: int = 500
    code: str = "internal_error"
    retryable: bool = False
    retry_after_seconds: int | None = None

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class BadRequest(ServiceError):
    """The request cannot be understood."""

    status = 400
    code = "bad_request"


class Unauthorized(ServiceError):
    """The caller did not prove who it is."""

    status = 401
    code = "unauthorized"


class Forbidden(ServiceError):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"


class NotFound(ServiceError):
    """There is no such thing for this caller; another tenant's thing gets the same answer."""

    status = 404
    code = "not_found"


class Conflict(ServiceError):
    """The request contradicts the present state."""

    status = 409
    code = "conflict"

    def __init__(self, message: str = "", retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooLarge(ServiceError):
    """The body is over the size limit."""

    status = 413
    code = "too_large"


class Unprocessable(ServiceError):
    """The request is well formed and its values are not acceptable."""

    status = 422
    code = "unprocessable"


class TooManyRequests(ServiceError):
    """A limit of the caller is used up; `retry_after_seconds` later there is room again."""

    status = 429
    code = "too_many_requests"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(ServiceError):
    """Something we depend on is down; the same call may succeed later."""

    status = 503
    code = "unavailable"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Overloaded(Unavailable):
    """We are up and have more work waiting than we accept."""

    code = "overloaded"


#: What a database or broker call raises when the dependency is in trouble (ask `is_retryable` whether it passes):
#: for those who turn an outage into an answer of their own.
DEPENDENCY_ERRORS = (DBAPIError, PostgresError, AsyncpgInterfaceError, KafkaError, PoolTimeout, OSError)


def is_retryable(error: BaseException) -> bool:
    """Whether the same work may succeed later: our own errors say so, outages and lock conflicts pass, bugs do not."""
    match error:
        case ServiceError():
            passes = error.retryable
        case DBAPIError():
            passes = error.connection_invalidated or _passes(error.orig)
        case PostgresError() | AsyncpgInterfaceError():
            passes = _passes(error)
        case KafkaError():
            passes = bool(error.retriable) or isinstance(error, KafkaTimeoutError | KafkaUnavailableError)
        case BaseExceptionGroup():
            passes = all(is_retryable(inner) for inner in error.exceptions)
        case _:  # OSError includes TimeoutError and every refused or reset connection
            passes = isinstance(error, OSError | PoolTimeout)
    return passes


def sqlstate_of(error: BaseException | None) -> str:
    """The SQLSTATE of a database error, or an empty string."""
    source = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(source, "sqlstate", None) or "")


def _passes(error: BaseException | None) -> bool:
    # asyncpg reports a connection that died under it as an InterfaceError without SQLSTATE.
    return sqlstate_of(error).startswith(SQLSTATES_THAT_PASS) or _is_closed_connection(error) or _is_outdated(error)


def _is_outdated(error: BaseException | None) -> bool:
    """Whether a table was changed under a prepared statement; it is prepared anew for the next attempt."""
    return isinstance(getattr(error, "__cause__", None) or error, InvalidCachedStatementError)


def _is_closed_connection(error: BaseException | None) -> bool:
    source = error if isinstance(error, AsyncpgInterfaceError) else getattr(error, "__cause__", None)
    if not isinstance(source, AsyncpgInterfaceError):
        return False
    text = str(source)
    return "closed" in text or "closing" in text or "released back to the pool" in text
