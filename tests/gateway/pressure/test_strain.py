"""Bulk work yields while express records are late, and only then."""

from services.gateway.pressure.strain import DEAF_SECONDS, HALF_LIFE_SECONDS, LATE_SECONDS, STRAIN_MAX, Strain

ON_TIME, LATE = LATE_SECONDS / 2, LATE_SECONDS * 1.1


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


def late(strain: Strain, clock: Clock, times: int) -> None:
    for _ in range(times):
        clock.pass_(DEAF_SECONDS * 1.01)
        strain.note(LATE)


def test_nothing_is_strained_while_express_is_on_time_or_absent() -> None:
    clock = Clock()
    strain = Strain(clock)
    clock.pass_(60.0)
    assert strain.now == 1.0
    for _ in range(100):
        clock.pass_(0.1)
        strain.note(ON_TIME)
    assert strain.now == 1.0


def test_late_records_strain_up_to_a_bound_and_time_relieves() -> None:
    clock = Clock()
    strain = Strain(clock)
    late(strain, clock, 1)
    once = strain.now
    late(strain, clock, 1)
    assert 1.0 < once < strain.now
    late(strain, clock, 100)
    assert strain.now == STRAIN_MAX
    clock.pass_(HALF_LIFE_SECONDS)
    assert strain.now == STRAIN_MAX / 2
    clock.pass_(60.0)
    assert strain.now == 1.0, "a mailing goes at full speed again"


def test_one_pause_of_the_machine_counts_once_however_many_records_it_delayed() -> None:
    clock = Clock()
    strain = Strain(clock)
    late(strain, clock, 1)
    once = strain.now
    for _ in range(10):
        strain.note(LATE)
    assert strain.now == once
