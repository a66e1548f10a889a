"""How an API key looks, whatever it is made of."""

import re

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.tenants.key_format import _checksum, is_api_key, new_api_key, prefix_of

BASE62 = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=32, max_size=32)
MODES = st.sampled_from(["live", "test"])


@given(MODES, BASE62)
def test_every_body_with_its_checksum_is_a_key(mode: str, body: str) -> None:
    key = f"vk_{mode}_{body}_{_checksum(body)}"
    assert is_api_key(key)
    assert prefix_of(key) == key[:12]
    assert not is_api_key(key.replace(f"vk_{mode}_", "vk_demo_"))


@given(MODES, BASE62, st.integers(0, 31), st.characters(codec="utf-8"))
def test_one_wrong_character_is_always_noticed(mode: str, body: str, place: int, other: str) -> None:
    """CRC-32 finds every error of up to 32 bits in a row."""
    wrong = body[:place] + other + body[place + 1 :]
    assert is_api_key(f"vk_{mode}_{wrong}_{_checksum(body)}") == (wrong == body)


@given(st.text())
def test_any_text_is_judged_without_an_error(text: str) -> None:
    is_key = is_api_key(text)
    assert not is_key or re.fullmatch(r"vk_(live|test)_\w{32}_\w{6}", text, re.ASCII)


@given(MODES)
def test_a_new_key_is_a_key(mode: str) -> None:
    key = new_api_key("test" if mode == "test" else "live")
    assert key.startswith(f"vk_{mode}_")
    assert is_api_key(key)


def test_the_checksum_agrees_with_known_answers() -> None:
    """From billing-consent-keys 6.2, in our alphabet 0-9a-zA-Z instead of 0-9A-Za-z."""
    assert _checksum("a" * 37).swapcase() == "2sN54l"
    assert _checksum("0123456789ABCDEFGHIJKLMNOPQRST").swapcase() == "4PMbyp"
