"""Who goes first where cores are few."""

import os
import subprocess
import sys

import pytest

from deploy.local.processes import priority

NICEST = 19
ASK = "import os; print(os.sched_getscheduler(0) == os.SCHED_BATCH, os.nice(0))"


def started(name: str) -> str:
    command = [*priority(name), sys.executable, "-c", ASK]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


@pytest.mark.parametrize("name", ["gateway-worker", "billing-worker-2"])
def test_a_worker_yields_to_the_doors_and_pushes_nobody_aside(name: str) -> None:
    assert started(name) == f"True {min(os.nice(0) + 5, NICEST)}"


def test_a_door_runs_as_everybody_does() -> None:
    assert started("gateway-api") == f"False {os.nice(0)}"
