"""The ids of people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sandbox.identity import phone_of, user_id

PHONES = st.from_regex(r"[0-9]{3,15}", fullmatch=True)


@given(PHONES, st.integers(1, 10**15), st.integers(0, 100))
def test_a_bsuid_leads_back_to_its_person(phone: str, waba_id: int, seed: int) -> None:
    assert phone_of(user_id(phone, str(waba_id), seed), str(waba_id), seed) == phone


@given(PHONES, PHONES)
def test_two_people_have_two_bsuids_and_one_person_another_in_every_account(one: str, other: str) -> None:
    assert (user_id(one, "1", 7) == user_id(other, "1", 7)) is (one == other)
    assert user_id(one, "1", 7) != user_id(one, "2", 7)


@pytest.mark.parametrize("nobody", ["", "RU", "RU.", "RU.x", "RU.1", "RU.99999999999999999999999999", "RU.²"])
def test_what_is_no_bsuid_leads_nowhere(nobody: str) -> None:
    assert phone_of(nobody, "1", 7) is None
