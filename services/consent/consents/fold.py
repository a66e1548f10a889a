"""The state of one purpose as a pure fold over its acts: the order of their arrival never matters."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

ActKind = Literal["given", "withdrawn", "stopped", "started", "blocked", "unblocked", "moved"]
State = Literal["unknown", "given", "withdrawn"]

LAST_MICROSECOND = 999_999
# At an equal moment the more restrictive act comes last and wins (fides: opt-out wins).
_RANK: dict[ActKind, int] = {
    "given": 0,
    "started": 1,
    "unblocked": 1,
    "withdrawn": 2,
    "stopped": 2,
    "blocked": 2,
    "moved": 2,
}
_WITHDRAWING = frozenset({"withdrawn", "stopped", "blocked"})
# Whoever has a number that somebody left agreed to nothing; what was stopped there stays so, to be safe.
_EFFECT: dict[ActKind, dict[str, Any]] = {
    "withdrawn": {"own": "withdrawn", "consent_id": None},
    "stopped": {"is_stopped": True},
    "started": {"is_stopped": False},
    "blocked": {"is_blocked": True},
    "unblocked": {"is_blocked": False},
    "moved": {"own": "unknown", "consent_id": None},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody did.

    The tenant recorded `given` or `withdrawn`; the person wrote STOP (`stopped`) or START (`started`), stopped us at
    Meta (`blocked`) or resumed there (`unblocked`), or left this number for another (`moved`).
    """

    id: UUID
    kind: ActKind
    source: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one purpose stands. `consent_id` is the act whose evidence carries it while it is given."""

    state: State = "unknown"
    since: datetime | None = None
    source: str | None = None
    consent_id: UUID | None = None
    is_by_person: bool = False
    last_withdrawn_at: datetime | None = None
    own: State = "unknown"  # what the tenant's records alone say
    is_stopped: bool = False
    is_blocked: bool = False


def moment(act: Act) -> datetime:
    """When an act counts. Meta's times are cut to seconds, so a withdrawal there may lie anywhere in its second."""
    if act.kind in ("stopped", "blocked", "moved"):
        return act.occurred_at.replace(microsecond=LAST_MICROSECOND)
    return act.occurred_at


def fold(acts: Iterable[Act]) -> Standing:
    """Where a purpose stands after these acts, whatever order they are given in."""
    standing = Standing()
    for act in sorted(acts, key=_position):
        standing = _after(standing, act)
    return standing


def restrictions(acts: Iterable[Act]) -> list[Act]:
    """What of these acts still restricts: the person takes it along to another number."""
    in_order = sorted(acts, key=_position)
    standing = fold(in_order)
    held = {"stopped": standing.is_stopped, "blocked": standing.is_blocked, "withdrawn": standing.own == "withdrawn"}
    last = {act.kind: act for act in in_order}
    return [last[kind] for kind in _RANK if held.get(kind)]


def turning(known: Iterable[Act], new: Iterable[Act]) -> dict[UUID, Literal["stopped", "started"]]:
    """What each of the new acts turned, said one after the other on top of what was known.

    A STOP that is heard late, again or in the second of an earlier one stops nobody anew.
    """
    said = list(known)
    is_stopped = fold(said).is_stopped
    found: dict[UUID, Literal["stopped", "started"]] = {}
    for act in sorted(new, key=_position):
        said.append(act)
        if fold(said).is_stopped is not is_stopped:
            is_stopped = not is_stopped
            found[act.id] = "stopped" if is_stopped else "started"
    return found


def _position(act: Act) -> tuple[datetime, int, bytes]:
    return moment(act), _RANK[act.kind], act.id.bytes


def _after(before: Standing, act: Act) -> Standing:
    if act.kind == "given":
        if before.is_stopped or before.is_blocked:
            return before  # history only: what the person stopped, the tenant cannot lift
        return _seen(before, replace(before, own="given", consent_id=act.id), act)
    after = replace(before, **_EFFECT[act.kind])
    if act.kind in _WITHDRAWING:
        after = replace(after, last_withdrawn_at=act.occurred_at)
    return _seen(before, after, act)


def _seen(before: Standing, after: Standing, act: Act) -> Standing:
    is_by_person = after.is_stopped or after.is_blocked
    state: State = "withdrawn" if is_by_person else after.own
    if state == before.state:
        source = act.source if act.kind == "given" else before.source  # a newer consent carries the state from now on
        return replace(after, is_by_person=is_by_person, source=source)
    return replace(after, state=state, is_by_person=is_by_person, since=act.occurred_at, source=act.source)
