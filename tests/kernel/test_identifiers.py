"""UUIDs made the fast way are those of the standard library."""

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.contracts import event_id
from services.kernel.identifiers import text_of, uuid5, uuid7, uuid_of


@given(st.uuids(), st.text())
def test_a_uuid_by_name_is_the_standard_librarys(namespace: uuid.UUID, name: str) -> None:
    made = uuid5(namespace, name)
    assert made == uuid.uuid5(namespace, name) == event_id(namespace, name)
    assert type(made) is uuid.UUID
    assert (made.version, made.variant) == (5, uuid.RFC_4122)


@given(st.uuids())
def test_its_text_is_the_standard_librarys(one: uuid.UUID) -> None:
    assert text_of(one) == str(one)


@given(st.uuids())
def test_bytes_and_back(one: uuid.UUID) -> None:
    assert uuid_of(one.bytes) == one
    assert hash(uuid_of(one.bytes)) == hash(one)


@pytest.mark.parametrize("length", [0, 15, 17])
def test_another_number_of_bytes_is_no_uuid(length: int) -> None:
    with pytest.raises(msgspec.MsgspecError):
        uuid_of(b"x" * length)


def test_new_ids_sort_by_the_moment_they_were_made() -> None:
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(one.version == 7 for one in made[:10])
