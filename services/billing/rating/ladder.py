"""What a quantity costs on a ladder of tiers: pure, in whole numbers, rounded half up to a micro-unit.

A tier's flat fee is due when the tier is reached, and a quantity of zero reaches the first one: so Lago and OpenMeter
have it, and Polar, whose tiers have no flat fees, cannot tell (billing-consent-keys 1.2). For messages that are priced
one by one it comes with the tier's first message (`service.price_at`).
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

Mode = Literal["graduated", "volume"]

MILLIONTHS = 1_000_000  # of a quantity: it may be decimal, and its sums are exact all the same


class Tier(NamedTuple):
    """One step of the ladder: the price of what comes up to and including `up_to` (None: without end)."""

    up_to: int | None
    unit_micros: int
    flat_micros: int


class Line(NamedTuple):
    """What is charged of a quantity, above one point and up to another (both in millionths), at one tier's prices."""

    above: int
    up_to: int
    tier: Tier

    @property
    def quantity(self) -> int:
        return self.up_to - self.above

    @property
    def amount_micros(self) -> int:
        return _half_up(self.quantity * self.tier.unit_micros) + self.tier.flat_micros


def rate(tiers: Sequence[Tier], quantity: int, mode: Mode) -> list[Line]:
    """The lines of a quantity in millionths; what is due is the sum of their amounts.

    `graduated` prices each part at the tier it falls into, `volume` all of it at the tier that it reaches.
    """
    if mode == "volume":
        return [Line(0, quantity, tiers[index_at(tiers, quantity)])]
    return list(_graduated(tiers, quantity))


def index_at(tiers: Sequence[Tier], quantity: int) -> int:
    """Which tier a quantity in millionths reaches, from 0."""
    for index, tier in enumerate(tiers):
        if tier.up_to is None or quantity <= tier.up_to * MILLIONTHS:
            return index
    raise AssertionError("the last tier is without end")


def _graduated(tiers: Sequence[Tier], quantity: int) -> Iterator[Line]:
    above = 0
    for tier in tiers:
        if quantity <= above > 0:
            return
        end = quantity if tier.up_to is None else tier.up_to * MILLIONTHS
        yield Line(above, min(quantity, end), tier)
        above = end


def _half_up(micros_of_millionths: int) -> int:
    """Nothing here is negative, so half up is half away from zero."""
    return (micros_of_millionths + MILLIONTHS // 2) // MILLIONTHS
