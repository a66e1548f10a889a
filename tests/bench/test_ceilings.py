"""The ceilings are measured on real servers, and every one of them is a number with its unit."""

import pytest

from tests.bench import ceilings, result
from tests.bench.meta import Acks
from tests.bench.population import population
from tests.bench.sampler import Sample
from tests.fixtures.infrastructure import Infrastructure


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "SECONDS", 0.2)


async def test_a_bare_application_answers_posts() -> None:
    found = await ceilings._posts()
    assert found["bare_asgi_posts_per_second"] > 0
    assert found["bare_asgi_cpu_us_per_post"] >= 0


async def test_raw_rows_go_into_a_table_that_is_gone_afterwards(infrastructure: Infrastructure) -> None:
    for _ in range(2):
        found = await ceilings._rows(infrastructure.superuser)
        assert found["postgres_inserted_rows_per_second"] > 0


def test_the_limits_of_the_load_itself_stand_beside_them() -> None:
    found = result.bounds(population(rate=700), latency_ms=150)
    assert found["large_tenants_numbers_full_at_messages_per_second"] > 700


def sample(at: float, **series: float) -> Sample:
    return Sample(
        at=at, wall=at, accepted=0, sent=0, updates=0, webhook_posts=0, told=0, cpu={}, harness_cpu={}, memory={},
        machine={}, acks=Acks([], []), series=series,
    )  # fmt: skip


def test_what_grows_is_told_with_where_it_began_and_where_it_ended() -> None:
    samples = [sample(float(second), queue=100.0 * second, still=7.0) for second in range(40)]
    assert result.growing(samples, 0.0, rate=100) == {"queue": {"from": 450, "to": 3450}}
