"""The evidence that is collected at the end: what Meta received, and what the public API says of everything."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.chaos.load.asking import ask, charges, each
from tests.chaos.load.book import Book
from tests.chaos.load.cast import Member
from tests.chaos.load.meta import Meta, statuses_of
from tests.e2e.harness.tenants import Tenant

WALL_SAMPLE = 20
CHUNK = 1_000  # messages asked for before they are written
Row = dict[str, Any]


async def collect(directory: Path, members: Sequence[Member], book: Book, meta: Meta, chance: random.Random) -> None:
    """Write tenants.jsonl, sends.jsonl and api.jsonl."""
    _write(directory / "tenants.jsonl", [member.as_evidence() for member in members])
    await meta.read()
    _write(directory / "sends.jsonl", [row | {"statuses": statuses_of(row)} for row in meta.rows])
    by_name = {member.part.name: member.tenant for member in members}
    names = _messages(members, book, meta)
    path = directory / "api.jsonl"
    _write(path, [])
    for ids in _chunks(list(names)):
        _write(path, await each(ids, lambda one: _message(by_name, names[one], one)), mode="ab")
    sample = chance.sample(sorted(book.answered), min(WALL_SAMPLE, len(book.answered)))
    others = {one: chance.choice([name for name in by_name if name != names[one]]) for one in sample}
    _write(path, await each(sample, lambda one: _as_other(by_name, names[one], others[one], one)), mode="ab")
    _write(path, [row for name, tenant in by_name.items() for row in await _money(name, tenant)], mode="ab")


def _messages(members: Sequence[Member], book: Book, meta: Meta) -> dict[str, str]:
    """Every message that was answered, or that Meta received, with its tenant's name."""
    names = {number: member.part.name for member in members for number in member.numbers}
    sent = {
        row["biz_opaque_callback_data"]: names[row["phone_number_id"]]
        for row in meta.rows
        if row["phone_number_id"] in names and row["biz_opaque_callback_data"]
    }
    return sent | book.tenants


async def _message(tenants: dict[str, Tenant], name: str, message_id: str) -> Row:
    answer = await ask(tenants[name], f"/v1/messages/{message_id}", 200, 404)
    return {"kind": "message", "tenant": name, "id": message_id, "status": answer.status, "body": answer.body}


async def _as_other(tenants: dict[str, Tenant], name: str, other: str, message_id: str) -> Row:
    answer = await ask(tenants[other], f"/v1/messages/{message_id}", 200, 404)
    row = {"kind": "message", "tenant": name, "id": message_id, "asked_as": other}
    return {**row, "status": answer.status, "body": answer.body}


async def _money(name: str, tenant: Tenant) -> list[Row]:
    balance = (await ask(tenant, "/v1/billing/balance")).body
    return [
        {"kind": "balance", "tenant": name, "body": balance},
        {"kind": "charges", "tenant": name, "items": await charges(tenant)},
    ]


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), CHUNK):
        yield ids[first : first + CHUNK]


def _write(path: Path, rows: Sequence[Row], *, mode: str = "wb") -> None:
    with path.open(mode) as file:
        file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
