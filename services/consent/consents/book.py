"""The acts of some people with their names, and where each purpose stands by them; holds no connection."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from services.consent.aliases.names import Names
from services.consent.consents.fold import Act, Standing, fold
from services.consent.consents.merging import Counted, counted, latest
from services.consent.consents.repository import Change, Key, NewAct
from services.kernel import clock

Subject = tuple[UUID, str, str]  # tenant id, purpose, channel


class Book:
    """Everything that was said of the identities in `names`, by tenant."""

    def __init__(self, names: Mapping[UUID, Names], acts: Iterable[tuple[Key, Act]]) -> None:
        self._names = names
        self._acts: dict[Subject, dict[str, dict[UUID, Act]]] = {}
        for key, act in acts:
            self._of(key)[act.id] = act

    def root(self, tenant_id: UUID, identity: str) -> str:
        return self._names[tenant_id].root(identity)

    def counted(self, key: Key) -> list[Counted]:
        """The acts that count for the person behind an identity."""
        said = self._acts.get((key.tenant_id, key.purpose, key.channel), {})
        return counted(self._names[key.tenant_id], said, self.root(key.tenant_id, key.person))

    def standing(self, key: Key) -> Standing:
        return fold(one.act for one in self.counted(key))

    def standings(self) -> dict[Key, Standing]:
        """Of every identity and purpose of which anything was said, carried along or moved away from."""
        found: dict[Key, Standing] = {}
        for tenant_id, purpose, channel in self._acts:
            names = self._names[tenant_id]
            for root in names.roots:
                key = Key(tenant_id, root, purpose, channel)
                acts = self.counted(key)
                if any(one.act.kind != "moved" for one in acts):
                    standing = fold(one.act for one in acts)
                    found |= {key._replace(person=identity): standing for identity in names.names(root)}
        return found

    def add(self, new: NewAct) -> tuple[NewAct | None, list[Change]]:
        """The act with the change that it made, None when it was there already; and what it changed for others."""
        key, act = new.key, new.act
        said = self._acts.get((key.tenant_id, key.purpose, key.channel), {})
        if any(act.id in acts for acts in said.values()):
            return None, []
        if act.kind == "withdrawn":  # "from now on", also when the clock of another process runs ahead of ours
            last = latest(self.counted(key))
            act = replace(act, occurred_at=max(act.occurred_at, last) if last else act.occurred_at)
        reached = self._names[key.tenant_id].touched(key.person, act.occurred_at.replace(microsecond=0))
        roots = [key._replace(person=root) for root in sorted(reached)]
        before = {one: self.standing(one) for one in roots}
        self._of(key)[act.id] = act
        changes = {one: change_of(one, before[one], self.standing(one), cause=act.id) for one in roots}
        mine = changes.pop(key._replace(person=self.root(key.tenant_id, key.person)))
        judged = replace(new, act=act)
        if mine is not None:
            judged = replace(judged, change=mine.change, consent_id=mine.consent_id, told_of=mine.key.person)
        return judged, [change for change in changes.values() if change is not None]

    def _of(self, key: Key) -> dict[UUID, Act]:
        said = self._acts.setdefault((key.tenant_id, key.purpose, key.channel), {})
        return said.setdefault(key.person, {})


def change_of(key: Key, before: Standing, after: Standing, *, cause: UUID) -> Change | None:
    """What became of a purpose: given (anew), or given no longer, or withdrawn by an act of somebody unknown."""
    since, source = after.since or clock.now(), after.source or "number_changed"
    if after.state == "given" and after.consent_id is not None:
        if before.state == "given" and before.consent_id == after.consent_id:
            return None
        return Change(key, "given", after.consent_id, since, source)
    if before.state == "given" or (after.state == "withdrawn" and before.state != "withdrawn"):
        return Change(key, "withdrawn", before.consent_id or cause, since, source)
    return None
