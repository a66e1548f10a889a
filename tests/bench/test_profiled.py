"""The sampling profiler names code the way a reader looks for it."""

import signal
import sys
from types import FrameType

from tests.bench.profiled import Recorder, package, short


def test_paths_are_shown_without_where_they_are_installed() -> None:
    assert short("/x/.venv/lib/python3.11/site-packages/aiohttp/client.py") == "aiohttp/client.py"
    assert short("/x/lib/python3.11/asyncio/events.py") == "asyncio/events.py"
    assert short("/srv/services/gateway/graph/service.py") == "services/gateway/graph/service.py"
    assert short("<frozen importlib>") == "<frozen importlib>"


def test_code_belongs_to_a_library_or_to_a_service() -> None:
    assert package("aiohttp/client.py:ClientSession.post") == "aiohttp"
    assert package("services/kernel/batcher.py:Batcher.submit") == "services/kernel"


def test_samples_become_tables() -> None:
    recorder = Recorder()
    frame: FrameType = sys._getframe()
    recorder.take(signal.SIGPROF, frame)
    assert "test_samples_become_tables" in recorder.render()
    assert "100.0%" in recorder.render()
