"""The evidence that is collected at the end: what Meta received, and what the public API says of everything."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.chaos.load.asking import CHARGES, MESSAGES, ask, each, pages
from tests.chaos.load.book import Book
from tests.chaos.load.cast import Member
from tests.chaos.load.meta import Meta, statuses_of
from tests.e2e.harness.tenants import Tenant

SINGLES_SAMPLE, WALL_SAMPLE = 100, 20  # messages asked for one by one; of these, also with another tenant's key
Row = dict[str, Any]


async def collect(directory: Path, members: Sequence[Member], book: Book, meta: Meta, chance: random.Random) -> None:
    """Write tenants.jsonl, sends.jsonl and api.jsonl."""
    _write(directory / "tenants.jsonl", [member.as_evidence() for member in members])
    await meta.read()
    _write(directory / "sends.jsonl", [row | {"statuses": statuses_of(row)} for row in meta.rows])
    by_name = {member.part.name: member.tenant for member in members}
    names = _messages(members, book, meta)
    listed = [row for rows in await each(by_name, lambda name: _listed(name, by_name[name])) for row in rows]
    unlisted = names.keys() - {row["id"] for row in listed}
    sample = chance.sample(sorted(book.answered), min(SINGLES_SAMPLE, len(book.answered)))
    others = {one: chance.choice([name for name in by_name if name != names[one]]) for one in sample[:WALL_SAMPLE]}
    single = await each([*unlisted, *sample], lambda one: _message(by_name, names[one], one))
    walls = await each(others, lambda one: _as_other(by_name, names[one], others[one], one))
    money = [row for rows in await each(by_name, lambda name: _money(name, by_name[name])) for row in rows]
    _write(directory / "api.jsonl", [*listed, *single, *walls, *money])


async def _listed(name: str, tenant: Tenant) -> list[Row]:
    """All messages that the API shows to a tenant: many at a time, for a round has thousands."""
    return [
        {"kind": "message", "tenant": name, "id": body["id"], "status": 200, "body": body}
        for body in await pages(tenant, MESSAGES)
    ]


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
        {"kind": "charges", "tenant": name, "items": await pages(tenant, CHARGES)},
    ]


def _write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("wb") as file:
        file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
