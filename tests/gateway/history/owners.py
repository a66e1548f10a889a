"""Consent and billing as the gateway sees them when it asks about a message: one real server that plays both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

STEP = {
    "rule": "consent",
    "version": 1,
    "outcome": "allow",
    "facts": {"state": "given"},
    "text": "The person agreed.",
    "text_ru": "Человек согласился.",
}


@dataclass
class Owners:
    """What the two services know; `silent` ones take the question and do not answer, `broken` ones answer so."""

    url: str = ""
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    charges: dict[str, dict[str, Any]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    broken: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def cleared(self, message_id: UUID, at: datetime) -> None:
        self.decisions[str(message_id)] = {"outcome": "cleared", "decided_at": at.isoformat(), "trace": [STEP]}

    def refused(self, message_id: UUID, at: datetime) -> None:
        step = STEP | {"outcome": "refuse", "facts": {"state": "absent"}}
        self.decisions[str(message_id)] = {"outcome": "refused", "decided_at": at.isoformat(), "trace": [step]}

    def charged(self, message_id: UUID, state: str, **moments: datetime) -> None:
        """Billing's whole answer, of which the gateway reads the moments."""
        nothing = dict.fromkeys(("captured_at", "returned_at", "decided_at", "reason", "position", "month"))
        money = {"price_micros": 6_000_000, "currency": "RUB", "is_free": False, "rate_card_version": 1}
        told = {name: at.isoformat() for name, at in moments.items()}
        self.charges[str(message_id)] = {"state": state, **nothing, **money, **told}

    def well(self) -> None:
        """Both answer again."""
        self.silent.clear()
        self.broken.clear()
        self.asked.clear()

    async def answer(self, request: web.Request) -> web.Response:
        part, tenant_id, message_id = (request.match_info[name] for name in ("part", "tenant_id", "message_id"))
        assert request.headers["Authorization"].startswith("Bearer ")
        self.asked.append((part, tenant_id, message_id))
        if part in self.silent:
            await asyncio.sleep(30)
        if part in self.broken:
            status, body = self.broken[part]
            return web.Response(status=status, text=body, content_type="application/json")
        found = (self.decisions if part == "decisions" else self.charges).get(message_id)
        return web.json_response({"title": "not_found"}, status=404) if found is None else web.json_response(found)


@asynccontextmanager
async def serving() -> AsyncIterator[Owners]:
    owners = Owners()
    app = web.Application()
    app.router.add_get("/internal/tenants/{tenant_id}/{part:decisions|charges}/{message_id}", owners.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    owners.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield owners
    finally:
        await runner.cleanup()
