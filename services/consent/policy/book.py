"""The rules as a process keeps them, so that no batch has to read them (hot path)."""

import time
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.policy import repository
from services.consent.policy.rules import Judge, Rule

REFRESH_SECONDS = 2.0  # how long a new version may take to be heard of; its dates are kept to the moment


class Book:
    """Rules read again every few seconds, and the judge that they make at a moment."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._read_at: float | None = None
        self._judge: Judge | None = None

    async def judge(self, connection: AsyncConnection, at: datetime) -> Judge:
        """Who judges by the rules in force at `at`; may read them through `connection`."""
        if self._read_at is None or time.monotonic() - self._read_at > REFRESH_SECONDS:
            await self._read(connection)
        if self._judge is None or not self._judge.holds(at):
            self._judge = Judge(self._rules, at)
        return self._judge

    async def _read(self, connection: AsyncConnection) -> None:
        asked_at = time.monotonic()
        rules = await repository.versions(connection)
        if rules != self._rules:
            self._rules, self._judge = rules, None
        self._read_at = asked_at
