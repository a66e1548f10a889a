"""What a rule is, which version of it counts at a moment, and which rule speaks about a message (pure functions)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

ANY = "*"
CHANNEL = "whatsapp"
VERDICTS_KEPT_MAX = 10_000  # kinds of messages times countries times tenants with rules of their own: about 1 MB

Outcome = Literal["allow", "refuse"]


class Scope(NamedTuple):
    """What a rule speaks about; '*' (for the tenant None) is everything."""

    tenant_id: UUID | None
    tenant_class: str
    category: str
    country: str
    channel: str = CHANNEL


class Subject(NamedTuple):
    """The message that is asked about."""

    tenant_id: UUID
    tenant_class: str
    category: str
    country: str
    channel: str = CHANNEL


class Verdict(NamedTuple):
    """Which rule spoke, and what it said."""

    rule_id: str
    version: int
    outcome: Outcome


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a dated rule; with `effective_to` equal to `effective_from` it ends the rule at that moment."""

    id: str
    version: int
    scope: Scope
    outcome: Outcome
    effective_from: datetime
    effective_to: datetime | None = None
    is_final: bool = False

    @property
    def is_end(self) -> bool:
        return self.effective_to == self.effective_from


#: Where no rule speaks, nothing goes out.
NO_RULE = Verdict("no-rule", 0, "refuse")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A version as somebody wants it; without `effective_from` it counts from the moment in which it is made.

    With `is_end` it ends the rule at that moment.
    """

    id: str
    tenant_id: UUID | None = None
    tenant_class: str = ANY
    category: str
    country: str = ANY
    channel: str = CHANNEL
    outcome: Outcome
    is_final: bool = False
    citation: str
    note_en: str
    note_ru: str
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    is_end: bool = False

    @property
    def scope(self) -> Scope:
        return Scope(self.tenant_id, self.tenant_class, self.category, self.country, self.channel)


def in_force(rules: Iterable[Rule], at: datetime) -> list[Rule]:
    """Of every rule the highest version that has begun; a rule whose highest begun version is over is over."""
    newest: dict[str, Rule] = {}
    for rule in rules:
        if rule.effective_from <= at and (rule.id not in newest or newest[rule.id].version < rule.version):
            newest[rule.id] = rule
    return [rule for rule in newest.values() if rule.effective_to is None or at < rule.effective_to]


def may_let_more_out(new: Rule, earlier: Sequence[Rule]) -> bool:
    """Whether anything could go out after this version that could not before: that takes two people.

    A new refusal, and the end of what allows, only restrict. Whatever is done to a rule that once refused is looked at
    by two people unless it refuses the same things for good.
    """
    refusing = [rule for rule in earlier if rule.outcome == "refuse" and not rule.is_end]
    if new.outcome == "allow":
        return bool(refusing) or not new.is_end
    if new.effective_to is not None:
        return bool(earlier)
    return any(rule.scope != new.scope or (rule.is_final and not new.is_final) for rule in refusing)


class Judge:
    """The rules in force between two of their dates, asked by message; a repeated question is one look into a dict.

    Who speaks: a final refusal before all others; then the narrowest rule, where naming the recipient's country counts
    more than the tenant, that more than its class, that more than the category and that more than the channel; among
    equals the newest, then the refusing one, then the higher version, then the id. Without any rule nothing goes out.
    """

    def __init__(self, rules: Sequence[Rule], at: datetime) -> None:
        dates = sorted({at for rule in rules for at in (rule.effective_from, rule.effective_to) if at is not None})
        self._since = max((date for date in dates if date <= at), default=None)
        self._until = min((date for date in dates if date > at), default=None)
        self._rules = sorted(in_force(rules, at), key=_weight, reverse=True)
        self._special = frozenset(rule.scope.tenant_id for rule in self._rules) - {None}
        self._known: dict[tuple[UUID | None, str, str, str, str], Verdict] = {}

    def holds(self, at: datetime) -> bool:
        """Whether no rule begins or ends between the moment of this judge and `at`."""
        return (self._since is None or self._since <= at) and (self._until is None or at < self._until)

    def judge(self, subject: Subject) -> Verdict:
        """The word of the rule that speaks about a message."""
        tenant_id = subject.tenant_id if self._special and subject.tenant_id in self._special else None
        key = (tenant_id, *subject[1:])
        verdict = self._known.get(key)
        if verdict is None:
            verdict = self._find(subject)
            if len(self._known) >= VERDICTS_KEPT_MAX:
                self._known.clear()
            self._known[key] = verdict
        return verdict

    def _find(self, subject: Subject) -> Verdict:
        for rule in self._rules:
            if _matches(rule.scope, subject):
                return Verdict(rule.id, rule.version, rule.outcome)
        return NO_RULE


def judge(rules: Sequence[Rule], subject: Subject, at: datetime) -> Verdict:
    """The word about one message at a moment."""
    return Judge(rules, at).judge(subject)


def _matches(scope: Scope, subject: Subject) -> bool:
    return all(wanted in (None, ANY, found) for wanted, found in zip(scope, subject, strict=True))


def _weight(rule: Rule) -> tuple[bool, tuple[bool, ...], datetime, bool, int, str]:
    scope = rule.scope
    named = (
        scope.country != ANY,
        scope.tenant_id is not None,
        scope.tenant_class != ANY,
        scope.category != ANY,
        scope.channel != ANY,
    )
    return rule.is_final, named, rule.effective_from, rule.outcome == "refuse", rule.version, rule.id
