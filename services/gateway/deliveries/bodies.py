"""Which facts go into one body: a person's stand in one, since bodies of a round are posted at the same time."""

from collections.abc import Iterable

from services.gateway.deliveries.due import Due

NOWHERE = -1


def portions(facts: Iterable[Due], *, size: int, places: int) -> list[list[Due]]:
    """At most `places` bodies of at most `size` facts, in order; what finds no room stays in the queue."""
    bodies: list[list[Due]] = []
    place_of: dict[int, int] = {}
    for fact in facts:
        place = place_of.get(fact.conversation)
        if place is None:
            place = _open_place(bodies, size=size, places=places)
        elif place != NOWHERE and len(bodies[place]) >= size:
            place = NOWHERE  # and so do all later facts of this person
        place_of[fact.conversation] = place
        if place != NOWHERE:
            bodies[place].append(fact)
    return bodies


def _open_place(bodies: list[list[Due]], *, size: int, places: int) -> int:
    if not bodies or len(bodies[-1]) >= size:
        if len(bodies) >= places:
            return NOWHERE
        bodies.append([])
    return len(bodies) - 1
