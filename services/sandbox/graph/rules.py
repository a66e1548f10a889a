"""Meta's rules beyond the shape of a message: who may be sent to, how often, and when (hot path)."""

from typing import NamedTuple

from services.sandbox.identity import digits
from services.sandbox.numbers.service import Number
from services.sandbox.refusals import GraphError
from services.sandbox.scenarios.service import Scenario
from services.sandbox.world import World

NEEDS_NO_WINDOW = frozenset({"template"})


class Attempt(NamedTuple):
    phone_number_id: str
    phone: str  # digits
    kind: str  # the message's type
    is_marketing: bool
    at: float  # Unix seconds


def enforce(world: World, number: Number, attempt: Attempt, scenario: Scenario) -> None:
    """Raise what Meta answers; what passes is counted against the limits."""
    _check_number(number, attempt.phone)
    if attempt.is_marketing and world.platform.has_stopped(number.waba_id, attempt.phone):
        raise GraphError(131050)
    if attempt.kind not in NEEDS_NO_WINDOW and _holds(scenario.window, world.rules.window):
        _check_window(world, attempt)
    if number.messages_per_second is not None and _holds(scenario.throughput, world.rules.throughput):
        _check_throughput(world, attempt, number.messages_per_second)
    if _holds(scenario.pairs, world.rules.pairs):
        _check_pair(world, attempt)


def _check_number(number: Number, phone: str) -> None:
    if not number.registered:
        raise GraphError(133010)
    if number.display_digits == phone:
        raise GraphError(131021)
    if number.allowed_recipients is not None and phone not in map(digits, number.allowed_recipients):
        raise GraphError(131030)


def _check_window(world: World, attempt: Attempt) -> None:
    if not world.people.window_open(attempt.phone, attempt.phone_number_id, attempt.at):
        raise GraphError(131047)


def _check_throughput(world: World, attempt: Attempt, messages_per_second: int) -> None:
    if not world.limits.takes_from_number(attempt.phone_number_id, attempt.at, messages_per_second):
        raise GraphError(130429)


def _check_pair(world: World, attempt: Attempt) -> None:
    if not world.limits.takes_for_pair(attempt.phone_number_id, attempt.phone, attempt.at):
        raise GraphError(131056)


def _holds(wish: bool | None, rule: bool) -> bool:
    return rule if wish is None else wish
