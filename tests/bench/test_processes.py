"""Processes that belong together are read as one."""

import os

from tests.bench.processes import Meter


def test_processes_of_one_name_are_read_as_one() -> None:
    me = {"name": "me", "pid": os.getpid()}
    alone, twice = Meter([me]), Meter([me])
    twice.add([me])
    seconds = alone.cpu_seconds()["me"]
    assert seconds > 0
    assert twice.cpu_seconds()["me"] > 1.9 * seconds
