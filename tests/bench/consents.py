"""Gives every person's consent straight to consent's database: 100,000 requests would take minutes, COPY takes seconds.

This is the bench's own SQL and touches no other data. The rows are what `POST /v1/consents` would have written: indexed
and sealed with the same functions and the tenant's real keys. Left out are the facts `consent.given` in the outbox,
which nobody needs to judge a message.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from deploy.local.secrets import kek_file
from deploy.local.stack import Stack
from services.gateway.keys.service import Keyring
from services.kernel import crypto
from services.kernel.db import Database
from services.kernel.settings import DatabaseSettings
from tests.bench.population import phone
from tests.bench.progress import Tell
from tests.bench.seeding import Tenant

CHUNK = 5_000
SOURCE, PURPOSE, TEXT = "web_form", "service", "Согласен получать сообщения о моём заказе в WhatsApp."
GIVEN_AGO = timedelta(days=1)
CONSENTS = ("tenant_id", "person", "purpose", "state", "since", "source", "consent_id")
EVENTS = (
    "tenant_id", "id", "person", "purpose", "act", "source", "occurred_at", "recorded_at", "cause", "evidence",
    "change", "consent_id",
)  # fmt: skip


class Keys(NamedTuple):
    """What consent got of a tenant's keys."""

    index_key: bytes
    data_key: crypto.Key


async def give_all(stack: Stack, tenants: list[Tenant], tell: Tell) -> int:
    """Record one service consent for every person of every tenant; returns how many."""
    postgres, done = stack.infrastructure.postgres, 0
    keys = await _keys(stack, tenants)
    connection = await asyncpg.connect(postgres.dsn("consent_owner", "consent"))
    try:
        for tenant in tenants:
            people = iter(range(tenant.shop.first_person, tenant.shop.first_person + tenant.shop.persons))
            while chunk := list(islice(people, CHUNK)):
                rows = await asyncio.to_thread(_rows, tenant.id, keys[tenant.id], chunk)
                await connection.copy_records_to_table("consents", records=[a for a, _ in rows], columns=CONSENTS)
                await connection.copy_records_to_table("consent_events", records=[b for _, b in rows], columns=EVENTS)
                done += len(rows)
                tell(done, "")
        await connection.execute("analyze consents, consent_events")
    finally:
        await connection.close()
    return done


async def _keys(stack: Stack, tenants: list[Tenant]) -> dict[UUID, Keys]:
    url = SecretStr(stack.facts.database_url("gateway", "gateway"))
    database = Database(DatabaseSettings(url=url, pool_size=1), application_name="bench")
    try:
        keyring = Keyring(database, crypto.FileKek(kek_file(stack.directory)))
        return {
            tenant.id: Keys(await keyring.index_key(tenant.id), await keyring.service_key(tenant.id, "consent"))
            for tenant in tenants
        }
    finally:
        await database.close()


def _rows(tenant_id: UUID, keys: Keys, people: list[int]) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """The current row and the act of each person."""
    return list(_rendered(tenant_id, keys, people))


def _rendered(tenant_id: UUID, keys: Keys, people: list[int]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    at = datetime.now(UTC) - GIVEN_AGO
    for number in map(phone, people):
        act_id = uuid7()
        person = crypto.blind_index(keys.index_key, "phone", number)
        place = crypto.Place(tenant_id, "consent_events", "evidence", str(act_id))
        evidence = crypto.seal(keys.data_key, place, msgspec.json.encode({"phone": number, "text": TEXT}))
        yield (
            (tenant_id, person, PURPOSE, "given", at, SOURCE, act_id),
            (tenant_id, act_id, person, PURPOSE, "given", SOURCE, at, at, act_id, evidence, "given", act_id),
        )
