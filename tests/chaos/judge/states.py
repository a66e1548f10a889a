"""Tenant, API and Meta agree on what became of a message; states only move forward."""

from collections.abc import Iterator

from tests.chaos.judge.offences import Offence
from tests.chaos.judge.records import Records

FORWARD = ("accepted", "cleared", "funded", "sending", "unknown", "sent", "delivered", "read")
ARRIVED = ("delivered", "read")


def check(records: Records) -> Iterator[Offence]:
    for message_id, request in records.asked.items():
        state, reported = records.state(message_id), records.possible(message_id)
        if "failed" in reported and reported & set(ARRIVED):
            continue  # Meta itself contradicts
        if what := _regressed(state, records.words(message_id)):
            yield Offence("regressed", request.tenant, what, message_id)
        elif what := _contradicted(records, message_id, state):
            yield Offence("contradicted", request.tenant, what, message_id)


def _regressed(state: str | None, told: set[str]) -> str | None:
    """The API must know at least what the tenant knows; a failure may follow `sent`, and nothing that arrived."""
    moved = [word for word in FORWARD if word in told]
    furthest = moved[-1] if moved else None
    if state is None:
        return f"told {', '.join(sorted(told))}; the API does not know it" if told else None
    if state not in FORWARD:
        return f"told {furthest}; the API says {state}" if furthest in ARRIVED else None
    if furthest and FORWARD.index(state) < FORWARD.index(furthest):
        return f"told {furthest}; the API says {state}"
    if "failed" in told and state in FORWARD[: FORWARD.index("sent")]:
        return f"told failed; the API says {state}"
    return None


def _contradicted(records: Records, message_id: str, state: str | None) -> str | None:
    told, reported = records.told.get(message_id, []), records.possible(message_id)
    final = [one for one in told if one.status == "failed" and not one.is_provisional]
    invented = ({state} | {one.status for one in told}) & set(ARRIVED) - reported
    if final and state not in ("failed", "expired"):
        return f"told failed for good ({final[0].cause}); the API says {state}"
    if invented - {"delivered"} or (invented and not reported & set(ARRIVED)):
        return f"{', '.join(sorted(filter(None, invented)))}: Meta reports no such thing"
    return None
