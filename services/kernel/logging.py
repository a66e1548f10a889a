"""Logs as JSON lines on stdout: identifiers, never contents.

Only keys of the allow-list come through, and only scalars under them. Exceptions appear as their classes and stack
frames without messages or local variables, because a message may quote a row, a body or a phone number.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from datetime import date
from enum import Enum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

import msgspec
import structlog

from services.kernel import metrics
from services.kernel.errors import sqlstate_of

#: What may stand in a log line. Add a key only if its values can never hold text, names or numbers of people.
# fmt: off
ALLOWED_KEYS = frozenset({
    "event", "level", "timestamp", "process", "logger", "source", "error_class", "errors", "frames", "sqlstate",
    "constraint", "tenant_id", "message_id", "event_id", "reservation_id", "application_id", "number_id",
    "template_id", "approval_id", "account_id", "consent_id", "group", "topic", "topics", "partition",
    "partitions", "offset", "offsets", "lag", "member", "generation", "type", "outcome", "groups", "attempt",
    "attempts", "count", "size", "batch", "seconds", "bytes", "pending", "limit", "dropped", "status", "code",
    "reason", "state", "kind", "lane", "version", "revision", "fate", "ready", "path", "method", "route",
    "host", "port", "pid", "name", "service", "audience", "signal", "exit_code", "issuer", "role", "table",
    "key_id", "endpoint_id",
})
# fmt: on
TEXT_CHARACTERS_MAX = 300
FRAMES_MAX = 30
CAUSES_MAX = 5

#: Libraries whose messages from INFO up hold no content; what others say is dropped, and only logger and place remain.
SPEAKING_LOGGERS = ("uvicorn.error", "aiokafka", "alembic")

STANDARD_LEVELS = (logging.DEBUG, logging.CRITICAL)  # lowest and highest; structlog knows the multiples of ten

_ROOT = Path(__file__).parents[2]

EventDict = MutableMapping[str, Any]


class UnknownLogKey(AssertionError):
    """A log call uses a key that is not on the allow-list (raised in tests only)."""


def configure(level: str, process: str, *, strict: bool = False) -> None:
    """Send every log line of this process (ours, the libraries', uncaught exceptions) through the one renderer."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            partial(_finish, process=process, strict=strict),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [LibraryHandler()]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    logging.captureWarnings(capture=True)
    _hook_uncaught_exceptions()


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """A logger: `log.warning("event is dead", group=..., event_id=...)`; the event is a fixed phrase without data."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


class LibraryHandler(logging.Handler):
    """Passes what libraries log on to our renderer; the text only of those that are known to hold no content."""

    def emit(self, record: logging.LogRecord) -> None:
        level = max(STANDARD_LEVELS[0], record.levelno // 10 * 10)
        speaks = record.name.startswith(SPEAKING_LOGGERS) and record.levelno >= logging.INFO
        get_logger().log(
            min(level, STANDARD_LEVELS[-1]),
            record.getMessage() if speaks else "a library reports",
            logger=record.name,
            source=f"{record.module}:{record.lineno}",
            exc_info=record.exc_info,
        )


def _finish(_logger: object, _method: str, line: EventDict, *, process: str, strict: bool) -> str:
    line.update(describe(_exception_of(line.pop("exc_info", None))))
    unknown = line.keys() - ALLOWED_KEYS
    if unknown and strict:
        raise UnknownLogKey(f"not on the allow-list of kernel/logging.py: {', '.join(sorted(unknown))}")
    if unknown:
        metrics.LOG_KEYS_DROPPED.inc(len(unknown))
    safe = {key: _plain(value) for key, value in line.items() if key not in unknown}
    return msgspec.json.encode({"timestamp": safe.pop("timestamp"), "process": process, **safe}).decode()


def _exception_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def describe(error: BaseException | None) -> dict[str, Any]:
    """Class, stack and database code of an exception and its causes, without any of their messages."""
    if error is None:
        return {}
    chain = list(_chain(error))
    found: dict[str, Any] = {
        "error_class": type(error).__name__,
        "errors": [type(one).__name__ for one in chain],
        "frames": _frames(error),
    }
    for one in chain:
        if sqlstate := sqlstate_of(one):
            found["sqlstate"] = sqlstate
        if constraint := getattr(one, "constraint_name", None):
            found["constraint"] = str(constraint)
    return found


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(CAUSES_MAX):
        if current is None:
            return
        yield current
        if isinstance(current, BaseExceptionGroup):
            yield from current.exceptions[:CAUSES_MAX]
        current = current.__cause__ or current.__context__


def _frames(error: BaseException) -> list[str]:
    innermost = error
    while isinstance(innermost, BaseExceptionGroup):
        innermost = innermost.exceptions[0]
    frames = traceback.walk_tb(innermost.__traceback__)
    places = [f"{_short(frame.f_code.co_filename)}:{line}:{frame.f_code.co_name}" for frame, line in frames]
    return places[-FRAMES_MAX:]


def _short(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(_ROOT / "services"):
        return str(path.relative_to(_ROOT))
    return "/".join(path.parts[-2:])


def _plain(value: object) -> object:
    """Scalars, and flat lists of them; of anything else only the name of its type."""
    if isinstance(value, list | tuple | set | frozenset):
        return [_scalar(item) for item in list(value)[:FRAMES_MAX]]
    return _scalar(value)


def _scalar(value: object) -> str | float | None:
    scalar = value.value if isinstance(value, Enum) else value
    if isinstance(scalar, bool | int | float | None):
        return scalar
    if isinstance(scalar, str | UUID | date):
        return str(scalar)[:TEXT_CHARACTERS_MAX]
    return getattr(scalar, "__name__", type(scalar).__name__)


def _hook_uncaught_exceptions() -> None:
    """An uncaught exception must not print its message either."""

    def report(kind: str) -> Callable[[BaseException | None], None]:
        return lambda error: get_logger().critical(kind, exc_info=error)

    def in_main(_type: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
        report("the process fails")(error)

    sys.excepthook = in_main
    threading.excepthook = lambda args: report("a thread fails")(args.exc_value)
    sys.unraisablehook = lambda args: report("an exception could not be raised")(args.exc_value)
