"""What a soak writes down and shows: judged series, offences in words, and a page that stands alone."""

from tests.soak import expectations, page, report
from tests.soak.expectations import expected
from tests.soak.lines import Series

ACCEPTED = Series(tuple(range(61)), tuple(18_000.0 * minute for minute in range(61)))


def judged(name: str, values: list[float]) -> dict[str, object]:
    return report._judged(Series(tuple(range(61)), tuple(values)), expected(name, rate=300, persons=100_000), ACCEPTED)


def test_a_process_that_leaks_offends_and_one_that_does_not_is_silent() -> None:
    leak = judged("memory.gateway-worker", [100 + minute / 2 for minute in range(61)])
    assert leak["offence"] == "its line grows by 30.00 MB an hour"
    assert leak["at_minutes"] == {"20": 108.75, "40": 118.75, "60": 128.75}
    assert not judged("memory.gateway-worker", [100.0 + minute % 3 for minute in range(61)])["offence"]
    assert report.offences({"memory.gateway-worker": leak}) == [
        "memory.gateway-worker should be flat: its line grows by 30.00 MB an hour"
    ]


def test_a_bounded_series_may_climb_to_its_bound_and_no_further() -> None:
    climbing = [300.0 + 5 * minute for minute in range(61)]
    assert not judged("memory.kafka", climbing)["offence"]
    assert judged("memory.kafka", [*climbing[:-1], expectations.KAFKA_MB_MAX + 1.0])["offence"]


def test_a_table_that_grows_with_messages_says_how_much_each_takes() -> None:
    found = judged("bytes.gateway.messages", [minute * 18_000 * 500 / (1 << 20) for minute in range(61)])
    assert not found["offence"]
    assert found["each_message"] == 500.0


def test_tables_that_nobody_named_are_expected_to_stay() -> None:
    assert expected("rows.gateway.something_new", rate=300, persons=100_000).kind == "flat"
    assert expected("bytes.billing.transfers", rate=300, persons=100_000).kind == "grows with messages"
    assert expected("lag.gateway.progress", rate=300, persons=100_000).kind == "flat"


def test_the_page_asks_nobody_for_anything_and_marks_what_offends() -> None:
    series = {
        "memory.gateway-worker": judged("memory.gateway-worker", [100 + minute / 2 for minute in range(61)]),
        "gateway.outbox": judged("gateway.outbox", [0.0] * 61),
    }
    shown = page.render("300 messages/s", series, report.offences(series))
    assert "http" not in shown.replace("http-equiv", "")
    assert "class=bad" in shown
    assert "The same all the time: gateway.outbox 0." in shown
