"""The load is what `interfaces.md` says: its population, its traffic, its times."""

from collections import Counter
from itertools import islice, pairwise

from services.kernel.phones import country_of, normalise_phone
from tests.bench.connections import Answer, parse
from tests.bench.generator import request
from tests.bench.population import LARGE_PER_SECOND, PERSONS, population, traffic
from tests.bench.receivers import Counters, Record
from tests.bench.schedule import Schedule


def test_there_are_enough_tenants_numbers_and_persons() -> None:
    shops = population(rate=300)
    numbers = {number for shop in shops for number in shop.numbers}
    assert len(shops) >= 20
    assert len(numbers) == sum(len(shop.numbers) for shop in shops) >= 40
    assert sum(shop.persons for shop in shops) >= PERSONS
    assert shops[0].per_second == LARGE_PER_SECOND


def test_people_of_two_tenants_are_different_people() -> None:
    shops = population(rate=300)
    for before, after in pairwise(shops):
        assert before.first_person + before.persons <= after.first_person


def test_one_tenant_has_half_of_the_traffic() -> None:
    shops = population(rate=300)
    by_shop = Counter(intent.shop for intent in islice(traffic(shops), 20_000))
    assert 0.48 < by_shop[0] / 20_000 < 0.52
    assert len(by_shop) == len(shops)


def test_replies_go_to_people_who_wrote_to_that_number() -> None:
    shops = population(rate=300)
    wrote = {pair for shop in shops for pair in shop.people_who_wrote()}
    replies = [intent for intent in islice(traffic(shops), 5_000) if intent.is_reply]
    assert 0.15 < len(replies) / 5_000 < 0.25
    assert all((intent.phone, intent.number) in wrote for intent in replies)


def test_people_have_numbers_that_exist_in_russia() -> None:
    for intent in islice(traffic(population(rate=300)), 50):
        assert normalise_phone(intent.phone) == intent.phone
        assert country_of(intent.phone) == "RU"


def test_the_rate_is_reached_in_the_warm_up_and_kept() -> None:
    schedule = Schedule(rate=100, seconds=10, warm_up_seconds=4)
    offsets = [schedule.offset(message) for message in range(schedule.total)]
    assert offsets == sorted(offsets)
    assert len(offsets) == 200 + 1_000
    for second in range(4, 14):
        assert sum(second <= offset < second + 1 for offset in offsets) == 100
    assert offsets[-1] < schedule.end_seconds


def test_a_request_says_how_long_its_body_is() -> None:
    shops = population(rate=300)
    intent = next(traffic(shops))
    head, _, body = request({intent.number: b"POST / HTTP/1.1\r\nContent-Length: "}, intent).partition(b"\r\n\r\n")
    assert int(head.rpartition(b" ")[2]) == len(body)


def test_a_request_may_have_a_header_more() -> None:
    intent = next(traffic(population(rate=300)))
    heads = {intent.number: b"POST / HTTP/1.1\r\nContent-Length: "}
    head, _, body = request(heads, intent, b"Idempotency-Key: bench-58\r\n").partition(b"\r\n\r\n")
    assert head.splitlines()[1:] == [b"Content-Length: %d" % len(body), b"Idempotency-Key: bench-58"]


def test_an_answer_says_whether_it_names_a_time_to_come_again() -> None:
    refused = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
    assert parse(refused) == Answer(503, b"{}", says_when=True)


def test_an_answer_is_read_when_it_is_whole() -> None:
    whole = b"HTTP/1.1 429 Too Many\r\nContent-Type: a\r\nContent-Length: 5\r\n\r\nhello"
    assert parse(whole) == Answer(429, b"hello")
    assert all(parse(whole[:length]) is None for length in range(len(whole)))


class _Counter:
    def __init__(self) -> None:
        self.value = 0


def test_a_fact_counts_once_however_often_it_is_told() -> None:
    facts, inbound, ended = _Counter(), _Counter(), _Counter()
    record = Record(Counters(facts, inbound, ended))
    message = "01934f2e-8d2a-7000-8000-00000000000a"
    for event, status in enumerate(("sent", "read", "delivered", "read")):
        event_id = f"01934f2e-8d2a-7000-8000-{event % 3:012d}"
        record.take(
            b'{"entry":[{"changes":[{"value":{"event_id":"%b","statuses":[{"id":"%b","status":"%b"}]}}]}]}'
            % (event_id.encode(), message.encode(), status.encode())
        )
    assert (facts.value, inbound.value, ended.value) == (3, 0, 1)
    assert record.told.repeated_facts == 1
    assert record.told.statuses == {message: 7}


def test_a_body_that_is_no_callback_is_counted() -> None:
    record = Record(Counters(_Counter(), _Counter(), _Counter()))
    record.take(b"not json")
    assert record.told.unreadable_posts == 1
