"""A sealed file opens whole, in its own place and under its own key, or not at all."""

import io
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.kernel import crypto
from services.kernel.crypto.streams import CHUNK_BYTES, STREAM_HEADER_BYTES
from services.kernel.identifiers import uuid7

PLACE = crypto.Place(UUID(int=1), "media", "file", "a")
KEY = crypto.Key(uuid7(), crypto.random_key())
SEALED_CHUNK = CHUNK_BYTES + 17
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7)


def sealed(plain: bytes, *, piece: int = 10_000, place: crypto.Place = PLACE, key: crypto.Key = KEY) -> bytes:
    sealer = crypto.StreamSealer(key, place)
    pieces = [sealer.seal(plain[start : start + piece]) for start in range(0, len(plain), piece)]
    return b"".join([*pieces, sealer.finish()])


def opened(stream: bytes, *, place: crypto.Place = PLACE, key: crypto.Key = KEY) -> bytes:
    return b"".join(crypto.open_stream(key, place, io.BytesIO(stream).read))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [997, CHUNK_BYTES, 5 * CHUNK_BYTES])
def test_what_was_sealed_in_any_pieces_opens_the_same(size: int, piece: int) -> None:
    plain = os.urandom(size)
    stream = sealed(plain, piece=piece)
    assert opened(stream) == plain
    assert len(stream) == crypto.sealed_stream_bytes(size)
    assert crypto.stream_key_id(stream[:STREAM_HEADER_BYTES]) == KEY.id


def test_two_streams_of_the_same_bytes_have_nothing_in_common() -> None:
    first, second = sealed(b"a" * 200_000), sealed(b"a" * 200_000)
    assert first[STREAM_HEADER_BYTES:] != second[STREAM_HEADER_BYTES:]
    assert b"a" * 8 not in first


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_cut_at_or_beside_any_chunk_boundary_does_not_open(size: int) -> None:
    stream = sealed(os.urandom(size))
    boundaries = range(STREAM_HEADER_BYTES, len(stream) + 1, SEALED_CHUNK)
    cuts = {at + by for at in (*boundaries, 0, len(stream)) for by in (-18, -17, -1, 0, 1, 16, 17)}
    for cut in sorted(cut for cut in cuts if 0 <= cut < len(stream)):
        with pytest.raises(crypto.CannotOpen):
            opened(stream[:cut])


def _swapped(stream: bytes) -> bytes:
    head, chunks = stream[:STREAM_HEADER_BYTES], stream[STREAM_HEADER_BYTES:]
    return head + chunks[SEALED_CHUNK : 2 * SEALED_CHUNK] + chunks[:SEALED_CHUNK] + chunks[2 * SEALED_CHUNK :]


def _without_the_first(stream: bytes) -> bytes:
    return stream[:STREAM_HEADER_BYTES] + stream[STREAM_HEADER_BYTES + SEALED_CHUNK :]


def _with_the_first_twice(stream: bytes) -> bytes:
    end = STREAM_HEADER_BYTES + SEALED_CHUNK
    return stream[:end] + stream[STREAM_HEADER_BYTES:]


def _with_more(stream: bytes) -> bytes:
    return stream + b"\0"


def _with_its_last_chunk_twice(stream: bytes) -> bytes:
    return stream + stream[STREAM_HEADER_BYTES + 3 * SEALED_CHUNK :]


@pytest.mark.parametrize(
    "change", [_swapped, _without_the_first, _with_the_first_twice, _with_more, _with_its_last_chunk_twice]
)
def test_a_rearranged_stream_does_not_open(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(crypto.CannotOpen):
        opened(change(sealed(os.urandom(3 * CHUNK_BYTES + 7))))


def test_no_bit_of_header_or_chunk_can_be_changed() -> None:
    stream = sealed(os.urandom(CHUNK_BYTES + 100))
    places = [*range(STREAM_HEADER_BYTES), STREAM_HEADER_BYTES + 5, STREAM_HEADER_BYTES + SEALED_CHUNK, len(stream) - 1]
    for at in places:
        changed = bytearray(stream)
        changed[at] ^= 1
        with pytest.raises(crypto.CannotOpen):
            opened(bytes(changed))


def test_chunks_of_another_stream_under_the_same_key_and_place_do_not_fit() -> None:
    first, second = sealed(os.urandom(2 * CHUNK_BYTES + 1)), sealed(os.urandom(2 * CHUNK_BYTES + 1))
    at = STREAM_HEADER_BYTES + SEALED_CHUNK
    with pytest.raises(crypto.CannotOpen):
        opened(first[:at] + second[at:])


def test_another_place_does_not_open() -> None:
    stream = sealed(b"photo")
    for other in (
        replace(PLACE, tenant_id=UUID(int=2)),
        replace(PLACE, table="medi", column="afile"),
        replace(PLACE, column="details"),
        replace(PLACE, row="b"),
    ):
        with pytest.raises(crypto.CannotOpen):
            opened(stream, place=other)


def test_another_key_does_not_open_not_even_under_the_same_id() -> None:
    stream = sealed(b"photo")
    for other in (crypto.Key(uuid7(), KEY.secret), crypto.Key(KEY.id, crypto.random_key())):
        with pytest.raises(crypto.CannotOpen):
            opened(stream, key=other)


def test_a_sealed_record_is_no_stream() -> None:
    with pytest.raises(crypto.CannotOpen):
        opened(crypto.seal(KEY, PLACE, os.urandom(500)))


def test_sealing_and_opening_hold_a_few_chunks_only() -> None:
    mebibyte = os.urandom(1024 * 1024)
    with Path(os.devnull).open("wb") as sink, io.BytesIO(sealed(os.urandom(20 * CHUNK_BYTES))) as stream:
        tracemalloc.start()
        sealer = crypto.StreamSealer(KEY, PLACE)
        sink.writelines(sealer.seal(mebibyte) for _ in range(20))
        sink.write(sealer.finish())
        sink.writelines(crypto.open_stream(KEY, PLACE, stream.read))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 6 * len(mebibyte)
