"""A window is a person's, towards one number, and closes 24 hours after what the person wrote last."""

import pytest

from services.sandbox.people.service import People
from services.sandbox.webhooks.service import Inbound

PHONE, NUMBER, OTHER = "79990000001", "100000000000001", "100000000000002"
DAY_SECONDS = 24 * 3600
AT = 1_800_000_000


@pytest.mark.parametrize(("age_seconds", "is_open"), [(0, True), (DAY_SECONDS - 1, True), (DAY_SECONDS, False)])
def test_a_window_is_open_for_24_hours_at_the_number_that_was_written_to(age_seconds: int, is_open: bool) -> None:
    people = People()
    people.wrote(Inbound("wamid.1", PHONE, NUMBER, "hi", AT))
    assert people.window_open(PHONE, NUMBER, float(AT + age_seconds)) is is_open
    assert not people.window_open(PHONE, OTHER, float(AT + age_seconds))


def test_every_message_of_the_person_opens_it_anew() -> None:
    people = People()
    for at in (AT, AT + DAY_SECONDS - 1):
        people.wrote(Inbound("wamid.1", PHONE, NUMBER, "hi", at))
    assert people.window_open(PHONE, NUMBER, float(AT + 2 * DAY_SECONDS - 2))
    assert not people.window_open(PHONE, NUMBER, float(AT + 2 * DAY_SECONDS - 1))
