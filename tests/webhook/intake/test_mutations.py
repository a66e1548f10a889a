"""However one part of a webhook is broken, nothing raises, nothing is lost, and its neighbours do not notice."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.contracts import Event
from tests.webhook import meta
from tests.webhook.desk import Desk, expected, payload
from tests.webhook.door import Door, Tenant
from tests.webhook.intake.test_payloads import pywa_payloads

SHOP, NEIGHBOUR = Tenant(waba_id="100200300497"), Tenant(waba_id="100200300496")
DESK = Desk(SHOP, NEIGHBOUR)
BODIES = [json.loads(payload(case, SHOP)) for case in sorted(expected())] + [body for _, body in pywa_payloads()]
#: What a field may turn into: other types, extremes, and text that is no UTF-8 when it is written as it is.
STRANGE: list[Any] = [
    None, True, 0, -1, 10**30, 1.5, "", "x", "\ud83c", "2026-13-45", "A" * 300_000, [], {}, [[]], {"a": {"b": []}},
]  # fmt: skip

Path = tuple[str | int, ...]


def places_in(node: Any, path: Path = ()) -> Iterator[Path]:
    """Every place of a JSON document below its root."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield (*path, name)
        yield from places_in(child, (*path, name))


@st.composite
def broken_bodies(draw: st.DrawFn) -> Any:
    """A payload with one to three fields dropped or turned into something else."""
    body = deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(places_in(body))
        if not places:
            break
        *parents, name = draw(st.sampled_from(places))
        node = body
        for parent in parents:
            node = node[parent]
        if draw(st.booleans()):
            del node[name]
        else:
            node[name] = deepcopy(draw(st.sampled_from(STRANGE)))
    return body


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def facts_of(tenant: Tenant, facts: list[Event]) -> list[Any]:
    return [fact.id for fact in facts if fact.tenant_id == tenant.id]


@settings(max_examples=400, deadline=None)
@given(body=broken_bodies())
def test_a_broken_webhook_is_read_to_its_end_and_everything_of_it_has_a_fate(body: Any) -> None:
    read = DESK.read(encoded(body))
    assert read.tally.holds
    assert read.outcomes
    for held in read.held:
        assert Desk(SHOP).read(held.content).tally.arrived >= 1


@settings(max_examples=200, deadline=None)
@given(body=broken_bodies())
def test_the_entries_beside_a_broken_one_do_not_notice(body: Any) -> None:
    before = json.loads(payload("messages/statuses_beside_messages", NEIGHBOUR))["entry"]
    after = json.loads(payload("message_template_status_update/paused", NEIGHBOUR))["entry"]
    alone = facts_of(
        NEIGHBOUR, DESK.read(encoded({"object": "whatsapp_business_account", "entry": before + after})).facts
    )
    entries = body.get("entry")
    broken = entries if isinstance(entries, list) else [entries]
    whole = {"object": "whatsapp_business_account", "entry": [*before, *broken, *after]}
    beside = DESK.read(encoded(whole))
    assert facts_of(NEIGHBOUR, beside.facts) == alone
    assert beside.tally.holds


PARTS = [
    part
    for body in BODIES
    for change in (body.get("entry") or [{}])[0].get("changes", [])
    for name in ("messages", "statuses")
    for part in change["value"].get(name) or []
]


@settings(max_examples=200, deadline=None)
@given(part=st.sampled_from(PARTS), data=st.data())
def test_the_messages_beside_a_broken_one_do_not_notice(part: Any, data: st.DataObject) -> None:
    broken = deepcopy(part)
    *parents, name = data.draw(st.sampled_from(list(places_in(broken))))
    node = broken
    for parent in parents:
        node = node[parent]
    node[name] = deepcopy(data.draw(st.sampled_from(STRANGE)))
    array = "statuses" if "status" in part else "messages"
    good = [meta.status(f"wamid.{n}") if array == "statuses" else meta.text_message(f"wamid.{n}", "x") for n in (1, 2)]
    value = meta.about(SHOP.phone_number_id, **{array: [good[0], broken, good[1]]})
    entry = {"id": SHOP.waba_id, "changes": [{"field": "messages", "value": value}]}
    read = DESK.read(encoded({"object": "whatsapp_business_account", "entry": [entry]}))
    assert read.tally.arrived == 3
    assert read.tally.holds
    wanted = [
        fact.id
        for one in good
        for fact in DESK.read(meta.webhook(meta.about(SHOP.phone_number_id, **{array: [one]}))).facts
    ]
    assert set(wanted) <= {fact.id for fact in read.facts}


@pytest.mark.parametrize("seed", range(5))
async def test_the_door_answers_every_broken_webhook_with_200(door: Door, tenant: Tenant, seed: int) -> None:
    cases = sorted(expected())[seed::5]
    for case in cases:
        body = json.loads(payload(case, tenant, wamid=meta.new_wamid()))
        for place in list(places_in(body))[seed::7]:
            broken = deepcopy(body)
            node = broken
            for parent in place[:-1]:
                node = node[parent]
            node[place[-1]] = deepcopy(STRANGE[(seed + len(place)) % len(STRANGE)])
            assert await door.post(encoded(broken)) == 200, (case, place)
