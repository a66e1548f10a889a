"""Tenants never meet: what one sent, got or asked for is never another's."""

from collections.abc import Iterator

from tests.chaos.judge.offences import Offence
from tests.chaos.judge.records import Records


def check(records: Records) -> Iterator[Offence]:
    yield from _callbacks(records)
    yield from _sends(records)
    yield from _answers(records)
    yield from _charges(records)


def _callbacks(records: Records) -> Iterator[Offence]:
    for told in records.received:
        owner = records.owner(told.message_id) if told.status else None
        of_number = records.owner_of_number.get(told.number or "")
        if {owner, of_number} - {None, told.tenant}:
            what = f"a callback reached {told.tenant}; it belongs to {owner or of_number}"
            yield Offence("cross_tenant", owner or of_number, what, told.message_id)


def _sends(records: Records) -> Iterator[Offence]:
    for message_id, request in records.asked.items():
        for row in records.sends.get(message_id, ()):
            if records.owner_of_number.get(row["phone_number_id"]) != request.tenant:
                what = f"it went out from number {row['phone_number_id']}, which is not {request.tenant}'s"
                yield Offence("cross_tenant", request.tenant, what, message_id)


def _answers(records: Records) -> Iterator[Offence]:
    for row in records.evidence.api:
        if row["kind"] == "message" and row["status"] != 404:
            owner, asked_as = records.owner(row["id"], row["tenant"]), row.get("asked_as", row["tenant"])
            if asked_as != owner:
                yield Offence("cross_tenant", owner, f"the API shows it to {asked_as}", row["id"])


def _charges(records: Records) -> Iterator[Offence]:
    for row in records.evidence.api:
        for item in row["items"] if row["kind"] == "charges" else ():
            owner = records.owner(item["message_id"])
            if owner not in (None, row["tenant"]):
                what = f"{row['tenant']} is charged for it; it belongs to {owner}"
                yield Offence("cross_tenant", owner, what, item["message_id"])
