"""The acts that count for a person: of all its identities, and of those it left what restricts; a pure function."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.consent.aliases.names import FOR_EVER, Move, Names
from services.consent.consents.fold import LAST_MICROSECOND, Act, moment, restrictions


class Counted(NamedTuple):
    """An act that counts; `is_carried` where it was of a number or BSUID that the person left."""

    act: Act
    is_carried: bool


def counted(names: Names, acts: Mapping[str, Mapping[UUID, Act]], person: str) -> list[Counted]:
    """What counts for `person` (a root of `names`); `acts` are those of one purpose, by identity."""
    own, carried = _acts(names, acts, person, until=FOR_EVER, taken=frozenset())
    known = {act.id for act in own}
    return [Counted(act, False) for act in own] + [Counted(act, True) for act in carried if act.id not in known]


def _acts(
    names: Names, acts: Mapping[str, Mapping[UUID, Act]], person: str, *, until: datetime, taken: frozenset[UUID]
) -> tuple[list[Act], list[Act]]:
    """Own and carried acts until a moment, each once. Nobody moves twice by the same notice: circles end."""
    own = {act.id: act for identity in names.members(person) for act in acts.get(identity, {}).values()}
    # What a person takes along is what stood before leaving, however many notices say that it left.
    own |= {move.id: _departure(move) for move in names.departures(person) if move.at < until}
    carried: dict[UUID, Act] = {}
    for move in names.arrivals(person):
        if move.id not in taken and move.at <= until:
            before = _acts(names, acts, names.root(move.previous), until=move.at, taken=taken | {move.id})
            carried |= {act.id: act for act in restrictions([*before[0], *before[1]])}
    return _until(own, until), _until(carried, until)


def _until(acts: Mapping[UUID, Act], until: datetime) -> list[Act]:
    end = until.replace(microsecond=LAST_MICROSECOND)  # Meta's times are cut to seconds
    return [act for act in acts.values() if act.occurred_at <= end]


def _departure(move: Move) -> Act:
    return Act(id=move.id, kind="moved", source="number_changed", occurred_at=move.at)


def latest(acts: Iterable[Counted]) -> datetime | None:
    """The moment of the last of these acts."""
    return max((moment(one.act) for one in acts), default=None)
