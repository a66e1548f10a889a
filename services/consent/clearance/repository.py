"""All SQL of clearance, one statement for a batch (hot path).

It joins the current rows of consents and windows: the one place that reads other slices' tables.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.clearance.decisions import Case, Decision
from services.consent.clearance.rules import NOTHING_KNOWN, Ground
from services.kernel.contracts.conversations import Purpose
from services.kernel.contracts.messages import MessageAccepted

# In the order of the fields of Ground.
_GROUND = """c.state, c.consent_id, c.since, c.source, c.last_withdrawn_at, w.last_inbound_at,
             w.expires_at as window_expires_at, w.entry_point_expires_at"""
# Probed through their keys, one row after the other: planning that is a third cheaper than planning joins.
_CONSENT = """
    left join lateral (
        select * from consents
         where tenant_id = m.tenant_id and person = m.person and purpose = m.purpose and channel = 'whatsapp'
        offset 0) c on true
"""
_WINDOW = """
    left join lateral (
        select * from windows
         where tenant_id = m.tenant_id and phone_number_id = m.phone_number_id and person = m.person {only}
        offset 0) w on true
"""
_GROUNDS = text(f"""
    select m.place, {_GROUND}
      from unnest(cast(:tenant_ids as uuid[]), cast(:phone_number_ids as text[]), cast(:persons as text[]),
                  cast(:purposes as text[]))
        with ordinality as m (tenant_id, phone_number_id, person, purpose, place) {_CONSENT} {_WINDOW.format(only="")}
""")
_NAMES = Decision.__struct_fields__
_FIELDS = ", ".join(_NAMES)
_TYPES = {
    **dict.fromkeys(("tenant_id", "message_id", "consent_id"), "uuid"),
    **dict.fromkeys(("rule_version", "code"), "int"),
    **dict.fromkeys(("decided_at", "expires_at", "since", "last_withdrawn_at", "last_inbound_at"), "timestamptz"),
    **dict.fromkeys(("window_expires_at", "entry_point_expires_at"), "timestamptz"),
}  # all others are texts
_NEW = "unnest(" + ", ".join(f"cast(:{name} as {_TYPES.get(name, 'text')}[])" for name in _NAMES) + ")"
_ADD = text(f"""
    insert into decisions (is_cleared, {_FIELDS})
    select code is null, new.* from {_NEW} as new ({_FIELDS})
     order by tenant_id, message_id
    on conflict (tenant_id, message_id) do nothing
""")
_ADD_STOPS = text(f"""
    insert into stops ({_FIELDS})
    select new.* from {_NEW} as new ({_FIELDS})
     order by tenant_id, message_id
    on conflict (tenant_id, message_id) do nothing
""")
# Looked up one by one through the key, whatever the statistics say; the bounds leave only the partitions of their days.
_WANTED = """
    unnest(cast(:tenant_ids as uuid[]), cast(:message_ids as uuid[]))
        with ordinality as wanted (tenant_id, message_id, place)
    cross join lateral (
        select * from decisions d
         where d.tenant_id = wanted.tenant_id and d.message_id = wanted.message_id
           and d.message_id between cast(:first_id as uuid) and cast(:last_id as uuid)
         limit 1) m
"""
_DECIDED = text(f"""
    select wanted.place, {", ".join(f"m.{name}" for name in _NAMES)} from {_WANTED}
""")
# A template asks for no window.
_QUESTIONED = text(f"""
    select wanted.place, m.kind, m.category, m.country, m.code, m.reason, m.expires_at, m.origin,
           {_GROUND}
      from {_WANTED} {_CONSENT} {_WINDOW.format(only="and m.kind <> 'template'")}
""")
_PERSONS = text(f"select wanted.place, m.person from {_WANTED}")
# Those that we let go and did not stop.
_PERSONS_CALLED = text(f"""
    select wanted.place, m.person from {_WANTED}
     where m.code is null
       and not exists (select from stops s
                        where s.tenant_id = m.tenant_id and s.message_id = m.message_id
                          and s.message_id between cast(:first_id as uuid) and cast(:last_id as uuid))
""")
_STOP = text(f"""
    select {_FIELDS} from stops
     where tenant_id = :tenant_id and message_id = :message_id
       and message_id between cast(:message_id as uuid) and cast(:message_id as uuid)
""")

_number = attrgetter("int")  # ids in the order of the database; comparing UUIDs themselves is Python code


async def grounds(
    connection: AsyncConnection, cases: Sequence[Case | MessageAccepted], purposes: Sequence[Purpose]
) -> list[Ground]:
    """What is known now about the person of each message, in their order."""
    rows = await connection.execute(
        _GROUNDS,
        {
            "tenant_ids": [case.tenant_id for case in cases],
            "phone_number_ids": [case.phone_number_id for case in cases],
            "persons": [case.person for case in cases],
            "purposes": purposes,
        },
    )
    found = [NOTHING_KNOWN] * len(cases)
    for place, *ground in rows:
        found[place - 1] = Ground(*ground)
    return found


async def add(connection: AsyncConnection, decisions: Sequence[Decision]) -> int:
    """Keep decisions and say how many were new; a message that was decided before keeps its first one."""
    result = await connection.execute(_ADD, _lists(decisions))
    return int(result.rowcount)


async def decided(connection: AsyncConnection, wanted: Sequence[tuple[UUID, UUID]]) -> list[Decision]:
    """The decisions about these messages (tenant id, message id), in their order; those that exist."""
    rows = await connection.execute(_DECIDED, _columns(wanted))
    return [Decision(**dict(zip(_NAMES, row[1:], strict=True))) for row in sorted(rows, key=itemgetter(0))]


async def questioned(
    connection: AsyncConnection, wanted: Sequence[tuple[UUID, UUID]]
) -> list[tuple[Row[Any], Ground] | None]:
    """The decision about each of these messages, with what is known now about its person; None where there is none."""
    found: list[tuple[Row[Any], Ground] | None] = [None] * len(wanted)
    for row in await connection.execute(_QUESTIONED, _columns(wanted)):
        found[row[0] - 1] = row, Ground(*row[8:])
    return found


async def persons(connection: AsyncConnection, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], str]:
    """The person each of these messages went to, by (tenant id, message id)."""
    pairs = list(wanted)
    return {pairs[row.place - 1]: row.person for row in await connection.execute(_PERSONS, _columns(pairs))}


async def persons_called(
    connection: AsyncConnection, wanted: Iterable[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], str]:
    """The same of those messages only that consent neither refused nor stopped."""
    pairs = list(wanted)
    return {pairs[row.place - 1]: row.person for row in await connection.execute(_PERSONS_CALLED, _columns(pairs))}


async def add_stops(connection: AsyncConnection, stops: Sequence[Decision]) -> None:
    """Keep why cleared messages were stopped right before their calls: decisions anew, with their moment."""
    await connection.execute(_ADD_STOPS, _lists(stops))


async def stop(connection: AsyncConnection, *, tenant_id: UUID, message_id: UUID) -> Decision | None:
    """Why a cleared message was stopped right before its call."""
    found = await connection.execute(_STOP, {"tenant_id": tenant_id, "message_id": message_id})
    row = found.one_or_none()
    return None if row is None else Decision(**dict(zip(_NAMES, row, strict=True)))


def _lists(decisions: Sequence[Decision]) -> dict[str, list[Any]]:
    """One list a column; of what none of them knows nothing need travel, for unnest fills what is short with nulls."""
    lists = {name: [getattr(one, name) for one in decisions] for name in _NAMES}
    return {name: values if any(value is not None for value in values) else [] for name, values in lists.items()}


def _columns(wanted: Sequence[tuple[UUID, UUID]]) -> dict[str, Any]:
    message_ids = [message_id for _, message_id in wanted]
    return {
        "tenant_ids": [tenant_id for tenant_id, _ in wanted],
        "message_ids": message_ids,
        "first_id": min(message_ids, key=_number, default=None),
        "last_id": max(message_ids, key=_number, default=None),
    }
