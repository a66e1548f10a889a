"""`python -m tests.chaos.judge.planting`: writes the planted histories anew."""

from pathlib import Path

from tests.chaos.judge.planting.oddities import ODDITIES
from tests.chaos.judge.planting.plain import plain
from tests.chaos.judge.planting.tale import Tale
from tests.chaos.judge.planting.violations import COMMITTED

PLANTED = Path(__file__).parents[1] / "planted"


def tales() -> dict[str, Tale]:
    """By directory; `clean` has everything that looks like a violation and is none."""
    found = {"clean": plain()}
    for add in ODDITIES:
        add(found["clean"])
    for violation in COMMITTED:
        found[violation.name] = plain()
        violation.plant(found[violation.name])
    return found


if __name__ == "__main__":
    for name, tale in tales().items():
        tale.save(PLANTED / name)
