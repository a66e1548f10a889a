"""The quick way through a body finds exactly what the careful one finds, or leaves it to that one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.webhook.parts.service import _split_plain, _split_with_care, split

HERE = Path(__file__).resolve().parents[1]
BODIES = sorted([*(HERE / "examples").glob("*.json"), *(HERE / "payloads").rglob("*.json")])

scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "1", "messages", "\ud800"]))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("field"), inner))
changes = st.fixed_dictionaries({}, optional={"field": scalars, "value": values, "rejection_info": values})
several_changes = st.lists(changes | scalars, max_size=3) | scalars
entries = st.fixed_dictionaries(
    {}, optional={"id": scalars, "time": scalars, "changes": several_changes, "field": scalars}
)
objects = st.sampled_from(["whatsapp_business_account", "page"])
bodies = st.fixed_dictionaries(
    {}, optional={"object": objects | scalars, "entry": st.lists(entries | scalars, max_size=3) | scalars}
)


def told(found: Any) -> list[Any]:
    """Comparable: msgspec's raw parts are not equal by their bytes."""
    return [tuple(bytes(part) if hasattr(part, "copy") else part for part in one) for one in found]


def check(body: bytes) -> None:
    plain, careful = _split_plain(body), told(_split_with_care(body))
    assert plain is None or told(plain) == careful
    assert told(split(body)) == careful


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_documented_body(path: Path) -> None:
    check(path.read_bytes())


@given(bodies)
def test_bodies_of_every_shape(body: dict[str, Any]) -> None:
    check(json.dumps(body).encode())


def test_what_meta_sends_all_day_takes_the_quick_way() -> None:
    body = (HERE / "examples" / "status_sent.json").read_bytes()
    assert _split_plain(body), "or the quick way is of no use"
    assert _split_plain(body.replace(b"whatsapp_business_account", b"page")) is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"object":"whatsapp_business_account","entry":[{}]}']
)
def test_what_is_no_webhook(body: bytes) -> None:
    check(body)
