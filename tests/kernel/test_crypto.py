"""What the cryptography promises: known answers of the primitives, and that nothing opens outside its own place."""

import json
import os
from pathlib import Path
from uuid import UUID, uuid4

import nacl.bindings
import nacl.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.kernel import crypto
from services.kernel.crypto import CannotOpen, Key, Place

VECTORS = Path(__file__).parents[1] / "vectors"
TENANT = UUID("0190a1b2-0000-7000-8000-000000000001")
PLACE = Place(TENANT, "messages", "body", "0190a1b2-0000-7000-8000-00000000000a")


def new_key() -> Key:
    return Key(uuid4(), crypto.random_key())


def vectors(name: str) -> list[list[str]]:
    rows: list[list[str]] = json.loads((VECTORS / f"{name}.json").read_text())["rows"]
    assert len(rows) > 50
    return rows


def test_xchacha20_poly1305_gives_the_known_answers() -> None:
    for number, key, nonce, aad, message, ciphertext, tag, result in vectors("xchacha20_poly1305"):
        raw = [bytes.fromhex(part) for part in (key, nonce, aad, message, ciphertext + tag)]
        try:
            opened = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(raw[4], raw[2], raw[1], raw[0])
            again = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(raw[3], raw[2], raw[1], raw[0])
            verdict = "valid" if (opened, again) == (raw[3], raw[4]) else "other"
        except (nacl.exceptions.CryptoError, nacl.exceptions.TypeError):
            verdict = "invalid"
        assert verdict == result, number


def test_hkdf_gives_the_known_answers() -> None:
    for number, secret, salt, info, length, output, result in vectors("hkdf_sha256"):
        raw = [bytes.fromhex(part) for part in (secret, salt, info)]
        if result == "invalid":
            with pytest.raises(ValueError, match=r"derive|larger"):
                crypto.hkdf_sha256(raw[0], salt=raw[1], info=raw[2], length=int(length))
        else:
            found = crypto.hkdf_sha256(raw[0], salt=raw[1], info=raw[2], length=int(length))
            assert found.hex() == output, number


def test_x25519_gives_the_known_answers_and_refuses_an_all_zero_secret() -> None:
    for number, private, public, shared, result in vectors("x25519"):
        pair = bytes.fromhex(private), bytes.fromhex(public)
        if result == "zero":
            with pytest.raises(nacl.exceptions.CryptoError):
                nacl.bindings.crypto_scalarmult(*pair)
        else:
            assert nacl.bindings.crypto_scalarmult(*pair).hex() == shared, number


@given(st.binary(max_size=2_000))
def test_what_is_sealed_opens_in_its_place(plaintext: bytes) -> None:
    key = new_key()
    sealed = crypto.seal(key, PLACE, plaintext)
    assert crypto.open_sealed(key, PLACE, sealed) == plaintext
    assert crypto.sealed_key_id(sealed) == key.id
    assert len(plaintext) < 8 or plaintext not in sealed


@pytest.mark.parametrize(
    "other",
    [
        replace(PLACE, tenant_id=UUID("0190a1b2-0000-7000-8000-000000000002")),
        replace(PLACE, table="message"),
        replace(PLACE, column="answer"),
        replace(PLACE, row="0190a1b2-0000-7000-8000-00000000000b"),
        replace(PLACE, table="messagesb", column="ody"),
        replace(PLACE, column="", row="body" + PLACE.row),
    ],
)
def test_a_ciphertext_does_not_open_in_another_place(other: Place) -> None:
    key = new_key()
    sealed = crypto.seal(key, PLACE, "Ваш заказ готов".encode())
    with pytest.raises(CannotOpen):
        crypto.open_sealed(key, other, sealed)


def test_a_ciphertext_does_not_open_under_another_key_or_key_id() -> None:
    key = new_key()
    sealed = crypto.seal(key, PLACE, b"hello")
    for other in (new_key(), Key(key.id, crypto.random_key()), Key(uuid4(), key.secret)):
        with pytest.raises(CannotOpen):
            crypto.open_sealed(other, PLACE, sealed)


def test_another_key_of_the_same_id_is_refused_by_the_commitment() -> None:
    key = new_key()
    sealed = crypto.seal(key, PLACE, b"hello")
    with pytest.raises(CannotOpen, match="another key of the same id"):
        crypto.open_sealed(Key(key.id, crypto.random_key()), PLACE, sealed)


def test_no_changed_bit_and_no_cut_is_accepted() -> None:
    key = new_key()
    sealed = crypto.seal(key, PLACE, b"hello")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(CannotOpen):
            crypto.open_sealed(key, PLACE, bytes(changed))
        with pytest.raises(CannotOpen):
            crypto.open_sealed(key, PLACE, sealed[:position])


def test_sealing_twice_gives_two_ciphertexts() -> None:
    key = new_key()
    assert crypto.seal(key, PLACE, b"hello") != crypto.seal(key, PLACE, b"hello")


def test_purposes_and_tenant_keys_give_different_sub_keys() -> None:
    tenant_key = crypto.random_key()
    assert crypto.derive(tenant_key, "messages") == crypto.derive(tenant_key, "messages")
    assert crypto.derive(tenant_key, "messages") != crypto.derive(tenant_key, "index")
    assert crypto.derive(tenant_key, "messages") != crypto.derive(crypto.random_key(), "messages")
    assert len(crypto.derive(tenant_key, "messages")) == 32


def test_a_key_does_not_show_its_secret() -> None:
    key = new_key()
    assert repr(key.secret) not in repr(key)
    assert key.secret.hex() not in f"{key} {key!r}"


def test_a_blind_index_depends_on_key_kind_and_value() -> None:
    key = crypto.random_key()
    index = crypto.blind_index(key, "phone", "+79161234567")
    assert index == crypto.blind_index(key, "phone", "+79161234567")
    assert len(index) == 64
    others = {
        crypto.blind_index(crypto.random_key(), "phone", "+79161234567"),
        crypto.blind_index(key, "bsuid", "+79161234567"),
        crypto.blind_index(key, "phone", "+79161234568"),
        crypto.blind_index(key, "phone+", "79161234567"),
    }
    assert len(others) == 4
    assert index not in others


def test_an_index_without_a_full_key_is_refused() -> None:
    for key in (b"", b"short", bytes(64)):
        with pytest.raises(ValueError, match="32 bytes"):
            crypto.blind_index(key, "phone", "+79161234567")


@given(st.binary(max_size=500), st.text(max_size=30))
def test_a_box_opens_for_its_key_and_context_only(plaintext: bytes, context: str) -> None:
    private, public = crypto.new_box_keys()
    sealed = crypto.seal_to(public, context, plaintext)
    assert crypto.open_box(private, context, sealed) == plaintext
    with pytest.raises(CannotOpen):
        crypto.open_box(private, context + "x", sealed)
    with pytest.raises(CannotOpen):
        crypto.open_box(crypto.new_box_keys()[0], context, sealed)


def test_a_damaged_box_does_not_open() -> None:
    private, public = crypto.new_box_keys()
    sealed = crypto.seal_to(public, "inbound", b"hello")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(CannotOpen):
            crypto.open_box(private, "inbound", bytes(changed))
        with pytest.raises(CannotOpen):
            crypto.open_box(private, "inbound", sealed[:position])


def test_nothing_is_sealed_to_a_public_key_that_is_none() -> None:
    for public in (b"", bytes(31), bytes(32)):
        with pytest.raises(ValueError, match="key"):
            crypto.seal_to(public, "inbound", b"hello")


def kek_file(folder: Path, raw: bytes, mode: int = 0o400) -> Path:
    path = folder / f"kek-{os.urandom(4).hex()}"
    path.write_bytes(raw)
    path.chmod(mode)
    return path


def test_a_wrapped_key_opens_for_its_own_tenant_version_and_kek_only(tmp_path: Path) -> None:
    kek, other_kek = (crypto.FileKek(kek_file(tmp_path, crypto.random_key())) for _ in range(2))
    key = crypto.random_key()
    wrapped = kek.wrap(key, crypto.wrap_context(TENANT, 1))
    assert kek.unwrap(wrapped, crypto.wrap_context(TENANT, 1)) == key
    assert key not in wrapped
    for keeper, context in (
        (kek, crypto.wrap_context(TENANT, 2)),
        (kek, crypto.wrap_context(uuid4(), 1)),
        (kek, crypto.wrap_context(TENANT, 1, "box key")),
        (other_kek, crypto.wrap_context(TENANT, 1)),
    ):
        with pytest.raises(CannotOpen):
            keeper.unwrap(wrapped, context)
    with pytest.raises(CannotOpen):
        kek.unwrap(b"", crypto.wrap_context(TENANT, 1))


def test_a_kek_keeps_its_id_and_shows_no_secret(tmp_path: Path) -> None:
    raw = crypto.random_key()
    kek = crypto.FileKek(kek_file(tmp_path, raw))
    assert kek.id == crypto.FileKek(kek_file(tmp_path, raw)).id == f"file-{crypto.key_check_value(raw)}"
    assert raw.hex() not in repr(kek)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o420])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(crypto.KekUnusable, match="chmod 0400"):
        crypto.FileKek(kek_file(tmp_path, crypto.random_key(), mode))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_file_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(crypto.KekUnusable, match="exactly 32"):
        crypto.FileKek(kek_file(tmp_path, bytes(size)))


def test_a_missing_key_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(crypto.KekUnusable, match="KEK__FILE"):
        crypto.FileKek(tmp_path / "none")
    with pytest.raises(crypto.KekUnusable):
        crypto.FileKek(tmp_path)


@given(st.binary(max_size=80))
def test_base64url_comes_back(raw: bytes) -> None:
    assert crypto.unb64url(crypto.b64url(raw)) == raw


@pytest.mark.parametrize("text", ["a", "+/+/", "äö", "a b="])
def test_what_is_not_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        crypto.unb64url(text)


@given(st.lists(st.binary(max_size=8), max_size=5), st.lists(st.binary(max_size=8), max_size=5))
def test_two_lists_never_pack_to_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (crypto.pack(*one) == crypto.pack(*other)) == (one == other)
