"""Every webhook that Meta documents ends in typed facts, in quarantine or in a named reason; nothing is dropped."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.kernel import crypto
from services.kernel.contracts.platform import (
    AccountUpdated,
    NumberQualityChanged,
    PersonRenamed,
    PreferenceChanged,
    Said,
    TemplateCategoryChanged,
    TemplateStatusChanged,
)
from services.kernel.contracts.tenants import NumberChanged
from services.webhook.intake.conversations import FIELDS as CONVERSATION_FIELDS
from services.webhook.intake.service import UNUSED_FIELDS
from services.webhook.platform.service import FIELDS as PLATFORM_FIELDS
from tests.webhook import meta
from tests.webhook.desk import PAYLOADS, Desk, expected, parts_in, payload
from tests.webhook.door import Boxes, Door, Tenant, Topics

CASES = expected()
PYWA = Path(__file__).resolve().parents[4] / "shared" / "data" / "whatsapp" / "pywa-updates"
PYWA_COUNT = 74
IGNORED_OF_PYWA = {"calls": "field_calls", "smb_message_echoes": "field_smb_message_echoes"}

#: Every field of whatsapp-cloud-api 3.3.
DOCUMENTED_FIELDS = frozenset(
    """
    messages message_template_status_update message_template_quality_update message_template_components_update
    template_category_update template_correct_category_detection phone_number_quality_update phone_number_name_update
    account_update account_review_update account_alerts account_settings_update business_capability_update security
    user_preferences user_id_update business_username_updates history smb_message_echoes smb_app_state_sync
    message_echoes flows calls group_lifecycle_update group_participants_update group_settings_update
    group_status_update partner_solutions payment_configuration_update automatic_events messaging_handovers standby
    consumer_profile tracking_events
    """.split()  # noqa: SIM905  # thirty quoted names are longer and no clearer
)


def pywa_payloads() -> Iterator[tuple[str, Any]]:
    for path in sorted(PYWA.glob("*.json")):
        for name, body in json.loads(path.read_text(encoding="utf-8")).items():
            yield f"{path.stem}.{name}", body


@pytest.fixture
def shop() -> Tenant:
    return Tenant(waba_id="100200300499")


@pytest.fixture
def desk(shop: Tenant) -> Desk:
    return Desk(shop)


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_payload_becomes_what_its_table_says_and_nothing_is_lost(desk: Desk, shop: Tenant, case: str) -> None:
    body = payload(case, shop)
    read = desk.read(body)
    assert sorted(read.words) == sorted(CASES[case])
    assert read.tally.holds
    if "misplaced" not in case and "object_inside" not in case and "field_beside" not in case:
        assert read.tally.arrived == parts_in(json.loads(body))


def test_the_table_names_exactly_the_payloads_that_there_are() -> None:
    files = {str(path.relative_to(PAYLOADS).with_suffix("")) for path in PAYLOADS.glob("*/*.json")}
    assert files == set(CASES)


def test_every_documented_field_has_a_payload_and_a_known_fate() -> None:
    known = CONVERSATION_FIELDS | PLATFORM_FIELDS | UNUSED_FIELDS
    assert known == DOCUMENTED_FIELDS
    assert {case.partition("/")[0] for case in CASES} >= DOCUMENTED_FIELDS


async def test_every_payload_passes_through_the_door(
    door: Door, topics: Topics, tenant: Tenant, other_tenant: Tenant
) -> None:
    wanted = 0
    for case, words in CASES.items():
        body = payload(case, tenant, wamid=meta.new_wamid())
        assert await door.post(body) == 200, case
        wanted += sum(word.partition(" ")[0].endswith(".v1") for word in words)
    assert len(await topics.facts_of(tenant)) == wanted
    others = await topics.facts_of(other_tenant)
    assert others  # of the WABA in which both have numbers
    assert not any(getattr(fact, "phone_number_id", None) for fact in others)


@pytest.mark.skipif(not PYWA.exists() and "CI" not in os.environ, reason="the reference data is not here")
def test_every_update_of_the_reference_data_is_a_fact_or_ignored_for_a_named_reason() -> None:
    bodies = dict(pywa_payloads())
    assert len(bodies) == PYWA_COUNT
    for name, body in bodies.items():
        owner = _owner_of(body)
        read = Desk(owner).read(json.dumps(body).encode())
        assert read.tally.holds, name
        assert read.tally.arrived == parts_in(body), name
        assert read.held == [], name
        field = body["entry"][0]["changes"][0]["field"]
        if field in IGNORED_OF_PYWA:
            assert read.words == [f"ignored {IGNORED_OF_PYWA[field]}"], name
        elif name in ("message_status.played", "message_status.group"):
            assert read.words == [f"ignored status_{name.partition('.')[2]}"], name
        else:
            assert read.facts, name


def _owner_of(body: dict[str, Any]) -> Tenant:
    """A tenant with the number and the WABA that a payload speaks of."""
    entry = body["entry"][0]
    value = entry["changes"][0]["value"]
    number = value.get("metadata", {}).get("phone_number_id", "1")
    return Tenant(phone_number_id=number, waba_id=value.get("waba_info", {}).get("waba_id", entry["id"]))


def said(desk: Desk, shop: Tenant, case: str) -> Any:
    [fact] = desk.read(payload(case, shop)).facts
    return fact


def test_metas_own_words_travel_under_seal_with_every_fact(desk: Desk, shop: Tenant) -> None:
    for case in CASES:
        body = json.loads(payload(case, shop))
        for fact in desk.read(json.dumps(body).encode()).facts:
            if isinstance(fact, Said):
                place = crypto.Place(shop.id, "platform", "value", str(fact.id))
                opened = json.loads(crypto.open_sealed(shop.data_key, place, fact.sealed_value))
                value = body["entry"][0]["changes"][0]["value"]
                assert _is_whole(opened, value) or _is_a_part(opened, value)
                assert fact.waba_id == shop.waba_id


def _is_whole(opened: dict[str, Any], value: dict[str, Any]) -> bool:
    return value.items() <= opened.items() and opened.keys() - value.keys() <= {"rejection_info"}


def _is_a_part(opened: dict[str, Any], value: dict[str, Any]) -> bool:
    assert opened["metadata"] == value["metadata"]
    lists = {name: items for name, items in opened.items() if isinstance(items, list) and name != "contacts"}
    return all(item in value[name] for name, items in lists.items() for item in items)


def test_a_redelivered_report_is_the_same_fact_and_other_words_another(desk: Desk, shop: Tenant) -> None:
    case = "message_template_status_update/paused"
    first, again = said(desk, shop, case), said(desk, shop, case)
    assert first.id == again.id
    body = json.loads(payload(case, shop))
    turned = json.dumps(dict(reversed(body.items())), indent=7).encode()
    assert desk.read(turned).facts[0].id == first.id
    body["entry"][0]["time"] += 1
    assert desk.read(json.dumps(body).encode()).facts[0].id != first.id


def test_two_tenants_of_one_waba_hear_it_each_under_an_id_of_its_own(shop: Tenant) -> None:
    other = Tenant(waba_id=shop.waba_id)
    facts = Desk(shop, other).read(payload("account_update/restriction", shop)).facts
    assert {fact.tenant_id for fact in facts} == {shop.id, other.id}
    assert len({fact.id for fact in facts}) == 2


def test_a_report_about_a_number_goes_to_its_owner_alone(shop: Tenant) -> None:
    other = Tenant(waba_id=shop.waba_id)
    [fact] = Desk(shop, other).read(payload("phone_number_quality_update/flagged", shop)).facts
    assert isinstance(fact, NumberQualityChanged)
    assert (fact.tenant_id, fact.phone_number_id) == (shop.id, shop.phone_number_id)
    assert (fact.event, fact.limit) == ("FLAGGED", "TIER_10K")


def test_dates_come_as_text_and_as_numbers(desk: Desk, shop: Tenant) -> None:
    text = said(desk, shop, "message_template_status_update/disabled_with_a_date_as_text")
    number = said(desk, shop, "message_template_status_update/disabled_with_a_date_as_a_number")
    assert isinstance(text, TemplateStatusChanged)
    assert text.disabled_at is not None
    assert number.disabled_at is not None
    assert (text.disabled_at.date().isoformat(), number.disabled_at.year) == ("2027-01-31", 2027)
    banned = said(desk, shop, "account_update/disabled")
    assert isinstance(banned, AccountUpdated)
    assert banned.ban is not None
    assert banned.ban.at is not None
    assert (banned.ban.state, banned.ban.at.date().isoformat()) == ("DISABLE", "2026-11-25")


def test_an_account_event_tells_its_block(desk: Desk, shop: Tenant) -> None:
    restricted = said(desk, shop, "account_update/restriction")
    assert [one.type for one in restricted.restrictions] == [
        "RESTRICTED_BIZ_INITIATED_MESSAGING",
        "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION",
    ]
    assert len({one.expires_at for one in restricted.restrictions}) == 1
    removed = said(desk, shop, "account_update/partner_removed_by_the_phone")
    assert removed.partnership.disconnection_reason == "PRIMARY_INACTIVITY"
    tier = said(desk, shop, "account_update/volume_tier").volume_tier
    assert (tier.tier, tier.month, tier.region) == (
        "25000001:50000000", "2026-11", "Rest of Central & Eastern Europe",
    )  # fmt: skip


def test_an_announced_and_a_done_change_of_category_both_say_the_present_one(desk: Desk, shop: Tenant) -> None:
    announced = said(desk, shop, "template_category_update/announced")
    assert isinstance(announced, TemplateCategoryChanged)
    assert (announced.category, announced.correct_category) == ("UTILITY", "MARKETING")
    assert announced.changes_at is not None
    done = said(desk, shop, "template_category_update/done")
    assert (done.category, done.previous_category) == ("MARKETING", "UTILITY")


def test_a_preference_is_keyed_by_the_person_however_meta_names_it(desk: Desk, shop: Tenant) -> None:
    by_number = said(desk, shop, "user_preferences/stop")
    by_bsuid = said(desk, shop, "user_preferences/stop_by_a_bsuid")
    assert isinstance(by_number, PreferenceChanged)
    assert by_number.person == by_bsuid.person == shop.index("phone", "+79261112233")
    assert (by_number.category, by_number.value) == ("marketing_messages", "stop")
    assert by_number.occurred_at.timestamp() == 1795600300


def test_a_person_with_a_new_number_is_a_fact_beside_the_notice(desk: Desk, shop: Tenant) -> None:
    renamed, notice = desk.read(payload("messages/system_changed_number", shop)).facts
    assert isinstance(renamed, PersonRenamed)
    assert renamed.previous.index == shop.index("phone", "+79261112233")
    assert renamed.current.index == renamed.person == shop.index("phone", "+79264445566")
    assert renamed.inbound_id == notice.inbound_id  # type: ignore[attr-defined]  # of an inbound message


def test_no_word_that_could_be_content_travels_in_clear(desk: Desk, shop: Tenant) -> None:
    leak = "Марфа +7 926 111-22-33"
    fields = {"event": leak, "decision": leak, "display_phone_number": shop.display, "new_quality_score": leak}
    template = {"message_template_name": "x", "message_template_language": "ru", "reason": leak, "new_category": leak}
    for field in PLATFORM_FIELDS:
        body = meta.webhook({**fields, **template, "alert_type": leak}, field=field, waba_id=shop.waba_id, time=1)
        for fact in desk.read(body).facts:
            assert leak not in repr(fact)
            assert "OTHER" in repr(fact) or field in ("message_template_components_update", "account_settings_update",
                                                      "business_capability_update")  # fmt: skip


@pytest.mark.parametrize("modes", [{"live"}, {"test"}, {"live", "test"}])
@pytest.mark.parametrize("case", ["messages/text", "message_template_status_update/approved", "security/pin_changed"])
def test_a_signature_speaks_only_of_the_numbers_of_its_mode(modes: set[Any], case: str) -> None:
    live = Tenant(waba_id="100200300498")
    twin = Tenant(waba_id="100200300498", mode="test")
    desk = Desk(live, twin)
    for tenant in (live, twin):
        read = desk.read(payload(case, tenant), frozenset(modes))
        facts = {fact.tenant_id for fact in read.facts}
        if case.startswith("message_template"):
            assert facts == {one.id for one in (live, twin) if one.mode in modes}
        elif tenant.mode in modes:
            assert facts == {tenant.id}
        else:
            assert read.words == ["held wrong_signer"]


def test_what_is_said_of_a_waba_waits_while_one_of_its_tenants_is_not_known() -> None:
    first, late = Tenant(waba_id="100200300497"), Tenant(waba_id="100200300497")
    desk = Desk(first)
    for fact in late.facts(desk.boxes.webhook[1]):
        if isinstance(fact, NumberChanged):
            desk.directory.apply(fact)
    body = payload("message_template_status_update/approved", first)
    assert desk.read(body).words == ["held unknown_waba"]
    desk.know(late)
    assert {fact.tenant_id for fact in desk.read(body).facts} == {first.id, late.id}


@pytest.mark.parametrize(("levels", "is_taken"), [(40, True), (70, False), (600, False)])
def test_a_part_in_which_a_reader_would_run_out_of_stack_is_held(
    desk: Desk, shop: Tenant, levels: int, is_taken: bool
) -> None:
    deep = "[" * levels + "]" * levels
    message = meta.text_message(meta.new_wamid(), "ok", deep="DEEP")
    status = meta.status(meta.new_wamid(), deep="DEEP")
    value = meta.about(shop.phone_number_id, messages=[message, meta.text_message(meta.new_wamid(), "ok")])
    bodies = [
        meta.webhook(value, waba_id=shop.waba_id),
        meta.webhook(meta.about(shop.phone_number_id, statuses=[status]), waba_id=shop.waba_id),
        meta.webhook({"event": "X", "deep": "DEEP"}, field="account_update", waba_id=shop.waba_id, time=1),
    ]
    for body in bodies:
        read = desk.read(body.replace(b'"DEEP"', deep.encode()))
        assert read.tally.holds
        assert [one.reason for one in read.held] == ([] if is_taken else ["malformed"])
        assert len(read.facts) == is_taken + (body == bodies[0])


def test_what_is_held_is_a_webhook_that_can_be_read_again(shop: Tenant) -> None:
    desk = Desk()
    for case in CASES:
        body = payload(case, shop)
        held = desk.read(body).held
        knowing = Desk(shop)
        again = [word for one in held for word in knowing.read(one.content).words]
        direct = [word for word in Desk(shop).read(body).words if not word.startswith("ignored")]
        assert sorted(word for word in again if not word.startswith("ignored")) == sorted(direct), case


async def test_the_door_counts_what_arrives_and_what_it_becomes(door: Door, boxes: Boxes, tenant: Tenant) -> None:
    outcomes = [f'webhook_parts_total{{outcome="{name}"}}' for name in ("facts", "held", "ignored")]
    before = await door.metric("webhook_parts_arrived_total")
    for case in CASES:
        assert await door.post(payload(case, tenant, wamid=meta.new_wamid())) == 200
    arrived = await door.metric("webhook_parts_arrived_total")
    assert arrived == sum([await door.metric(name) for name in outcomes])
    assert arrived - before == sum(parts_in(json.loads(payload(case, tenant))) for case in CASES)
