"""Whatever a body holds, the reader takes it or refuses it in Meta's words, and never stumbles."""

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.graph.errors import GraphError
from services.gateway.graph.schemas import read_request
from services.gateway.graph.sends import Send
from tests.gateway.graph.test_message_types import TAKEN

TEMPLATE = {
    "messaging_product": "whatsapp",
    "to": "+79161234567",
    "type": "template",
    "template": {
        "name": "order",
        "language": {"code": "ru"},
        "components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://example.com/a"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "x"}]},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "x"}]},
        ],
    },
}
GOOD = [*(request for name, request in TAKEN.items() if name != "many contacts"), TEMPLATE]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["", "\0", "\ud800", "x" * 5_000, "read", "image", "+79161234567", 10**30, 1e308])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a request."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(*path, key) for key in keys] + [deep for key in keys for deep in places(value[key], (*path, key))]


def read(raw: bytes) -> None:
    """Takes or refuses; what is taken can be read again and then stays the same."""
    try:
        found: object = read_request(raw)
    except GraphError as error:
        found = error
    if isinstance(found, GraphError):
        assert found.message
        assert found.status == 400
        assert json.dumps(found.envelope("x"), ensure_ascii=False).encode()
    elif isinstance(found, Send):
        again = read_request(found.body)
        assert isinstance(again, Send)
        assert again.body == found.body


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_request_with_one_part_replaced_is_taken_or_refused(data: st.DataObject) -> None:
    request = copy.deepcopy(data.draw(st.sampled_from(GOOD)))
    path = data.draw(st.sampled_from(places(request)))
    place: Any = request
    for key in path[:-1]:
        place = place[key]
    if data.draw(st.booleans()):
        place[path[-1]] = data.draw(JSON)
    else:
        del place[path[-1]]
    read(json.dumps(request).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_noise_is_refused(raw: bytes) -> None:
    read(raw)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_spoiled_request_is_taken_or_refused(data: st.DataObject) -> None:
    raw = bytearray(json.dumps(data.draw(st.sampled_from(GOOD)), ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(raw))
