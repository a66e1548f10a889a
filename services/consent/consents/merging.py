"""The acts that count for a person: of all its identities, and of those it left what restricts; a pure function."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.consent.aliases.names import FOR_EVER, Member, Move, Names
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
    own = _said(acts, names.members(person))
    # What a person takes along is what stood before leaving, however many notices say that it left.
    own |= {move.id: _departure(move) for move in names.departures(person) if move.at < until}
    # Who got another BSUID may have the number still: what it stops stops the number, and what it allows does not.
    carried = {act.id: act for act in restrictions(_until(_said(acts, names.heirs(person)), until))}
    for move in names.arrivals(person):
        if move.id not in taken and move.at <= until:
            source = names.root(move.previous, move.at)
            before = _acts(names, acts, source, until=move.at, taken=taken | {move.id})
            carried |= {act.id: act for act in restrictions([*before[0], *before[1]])}
    return _until(own, until), _until(carried, until)


def _said(acts: Mapping[str, Mapping[UUID, Act]], members: Iterable[Member]) -> dict[UUID, Act]:
    return {act.id: act for one in members for act in _until(acts.get(one.identity, {}), one.until)}


def _until(acts: Mapping[UUID, Act], until: datetime) -> list[Act]:
    end = until.replace(microsecond=LAST_MICROSECOND)  # Meta's times are cut to seconds
    return [act for act in acts.values() if act.occurred_at <= end]


def _departure(move: Move) -> Act:
    return Act(id=move.id, kind="moved", source="number_changed", occurred_at=move.at)


def latest(acts: Iterable[Counted]) -> datetime | None:
    """The moment of the last of these acts."""
    return max((moment(one.act) for one in acts), default=None)
