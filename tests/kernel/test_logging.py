"""A log line holds identifiers and never contents, whoever writes it."""

import json
import logging as standard_logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import structlog
from prometheus_client import REGISTRY

from services.kernel import logging
from services.kernel.errors import Unavailable

SECRET = "+79161234567"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """Configure as production does; gives back what was written since the last call."""
    before = structlog.get_config()
    root = standard_logging.getLogger()
    handlers, level, hooks = root.handlers, root.level, (sys.excepthook, sys.unraisablehook)
    logging.configure("INFO", "test-process")

    def read() -> list[dict[str, Any]]:
        output = capsys.readouterr()
        assert SECRET not in output.out + output.err
        return [json.loads(line) for line in output.out.splitlines()]

    yield read
    structlog.configure(**before)
    root.handlers, (sys.excepthook, sys.unraisablehook) = handlers, hooks
    root.setLevel(level)
    standard_logging.captureWarnings(capture=False)


def test_a_line_is_json_with_time_process_level_and_keys(lines: Lines) -> None:
    message_id = uuid4()
    logging.get_logger().warning("event is dead", message_id=message_id, attempt=3)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "process": "test-process",
        "event": "event is dead",
        "level": "warning",
        "message_id": str(message_id),
        "attempt": 3,
    }


def test_an_unknown_key_is_dropped_and_counted(lines: Lines) -> None:
    before = REGISTRY.get_sample_value("log_keys_dropped_total") or 0.0
    logging.get_logger().info("message is stored", phone=SECRET, text=SECRET, count=1)
    assert "phone" not in lines()[0]
    assert REGISTRY.get_sample_value("log_keys_dropped_total") == before + 2


def test_an_unknown_key_is_an_error_where_logging_is_strict(lines: Lines) -> None:
    logging.configure("INFO", "test-process", strict=True)
    with pytest.raises(logging.UnknownLogKey, match="phone"):
        logging.get_logger().info("message is stored", phone=SECRET)


def test_only_scalars_are_written(lines: Lines) -> None:
    logging.get_logger().info(
        "batch is done", reason={"text": SECRET}, topics=["a", {"b": SECRET}], code=ValueError(SECRET)
    )
    (line,) = lines()
    assert (line["reason"], line["topics"], line["code"]) == ("dict", ["a", "dict"], "ValueError")


def fail(text: str) -> None:
    local_copy = text
    raise ValueError(local_copy)


def test_an_exception_is_its_class_and_frames_without_its_message(lines: Lines) -> None:
    try:
        try:
            fail(SECRET)
        except ValueError as error:
            raise Unavailable(SECRET) from error
    except Unavailable:
        logging.get_logger().exception("handling fails")
    (line,) = lines()
    assert line["error_class"] == "Unavailable"
    assert line["errors"] == ["Unavailable", "ValueError"]
    assert line["frames"][-1].endswith("test_an_exception_is_its_class_and_frames_without_its_message")


def test_a_library_speaks_only_if_its_messages_hold_no_content(lines: Lines) -> None:
    standard_logging.getLogger("some.library").error("cannot handle %s", SECRET)
    standard_logging.getLogger("aiokafka.consumer").warning("Heartbeat failed for group %s", "consent.messages")
    standard_logging.getLogger("aiokafka.producer").debug("Sending (value=%r)", SECRET)
    standard_logging.getLogger("some.library").log(25, SECRET)
    first, second, third = lines()
    assert (first["event"], first["logger"]) == ("a library reports", "some.library")
    assert second["event"] == "Heartbeat failed for group consent.messages"
    assert third["event"] == "a library reports"


def test_an_exception_that_a_library_logs_shows_no_message(lines: Lines) -> None:
    try:
        fail(SECRET)
    except ValueError:
        standard_logging.getLogger("asyncio").exception("Task exception was never retrieved: %s", SECRET)
    (line,) = lines()
    assert line["error_class"] == "ValueError"
    assert line["frames"][-1].endswith(":fail")


def test_warnings_and_uncaught_exceptions_show_no_message(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, stacklevel=1)
    error = ValueError(SECRET)
    sys.excepthook(type(error), error, None)
    first, second = lines()
    assert first["event"] == "a library reports"
    assert (second["event"], second["error_class"]) == ("the process fails", "ValueError")


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    logging.get_logger().debug("nothing", attempt=1)
    assert lines() == []
