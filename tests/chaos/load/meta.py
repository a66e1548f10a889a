"""What Meta received, read from the sandbox's own record a page at a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.e2e.harness.sandbox import Sandbox

WENT_OUT = frozenset({"accepted", "dropped"})
ORDINARY = ("sent", "delivered", "read")


class Meta:
    """The rows of this round, the oldest first."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._last = 0
        self.rows: list[dict[str, Any]] = []

    async def skip(self) -> None:
        """What was sent until now is of no concern."""
        await self.read()
        self.rows = []

    async def read(self) -> None:
        """The rows that came since."""
        new = await self._sandbox.sends(after=self._last)
        if new and new[-1]["n"] > self._last:  # another reader may have been quicker
            new = [row for row in new if row["n"] > self._last]
            self._last = new[-1]["n"]
            self.rows += new

    def first_after(self, at: float, answered: Mapping[str, float]) -> float | None:
        """When the first message that was answered after `at` came, of the rows read so far; all Unix seconds."""
        first: float | None = None
        for row in reversed(self.rows):
            came = datetime.fromisoformat(row["at"]).timestamp()
            if came <= at:
                break
            if answered.get(row["biz_opaque_callback_data"], 0.0) > at:
                first = came
        return first


def statuses_of(row: dict[str, Any]) -> list[str]:
    """What the sandbox has reported or will report of this send, in the order told."""
    if row["outcome"] not in WENT_OUT:
        return []
    return list((row.get("plan") or {}).get("statuses", ORDINARY))
