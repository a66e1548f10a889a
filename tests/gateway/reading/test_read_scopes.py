"""What a key may read is asked before anything is looked up, and tells nothing of what exists."""

from typing import Any
from uuid import uuid4

import pytest

from tests.gateway.reading.stand import add_template, refusal
from tests.gateway.stand import WABA_ID, Answer, Gateway, Tenant


@pytest.fixture(scope="module")
async def mine(reads: Gateway) -> Tenant:
    return await reads.new_tenant()


async def key_for(gateway: Gateway, tenant: Tenant, *scopes: str) -> str:
    body = {"name": "one purpose", "scopes": list(scopes)}
    answer = await gateway.ask("POST", "/v1/api-keys", key=tenant.api_key, json=body)
    assert answer.status == 201, answer.body
    return str(answer.json()["key"])


async def get(gateway: Gateway, key: str, path: str) -> Answer:
    return await gateway.ask("GET", path, key=key)


def lacks(scope: str) -> Any:
    return f"this API key lacks the scope {scope}: use a key that has it."


async def test_a_key_for_files_reads_no_account(reads: Gateway, mine: Tenant) -> None:
    key = await key_for(reads, mine, "media")
    template_id = await add_template(reads, mine, "scoped")
    for id_ in (mine.phone_number_id, WABA_ID, "1"):
        status, error = refusal(await get(reads, key, f"/v23.0/{id_}?fields=id"))
        assert (status, error["code"]) == (403, 10)
        assert error["error_data"]["details"].casefold() == lacks("account:read").casefold()
    answers = [refusal(await get(reads, key, f"/v23.0/{id_}")) for id_ in (template_id, uuid4())]
    assert answers[0] == answers[1]
    assert answers[0][1]["error_subcode"] == 33


async def test_a_key_for_the_account_reads_no_file(reads: Gateway, mine: Tenant) -> None:
    key = await key_for(reads, mine, "account:read")
    template_id = await add_template(reads, mine, "scoped_too")
    assert (await get(reads, key, f"/v23.0/{template_id}")).status == 200
    assert (await get(reads, key, f"/v23.0/{mine.phone_number_id}?fields=id")).status == 200
    status, error = refusal(await get(reads, key, f"/v23.0/{uuid4()}"))
    assert (status, error["code"]) == (403, 10)
    assert error["error_data"]["details"].casefold() == lacks("media").casefold()


async def test_a_key_for_sending_reads_neither(reads: Gateway, mine: Tenant) -> None:
    key = await key_for(reads, mine, "messages:send")
    for path in (mine.phone_number_id, str(uuid4()), f"{WABA_ID}/phone_numbers", f"{WABA_ID}/message_templates"):
        status, error = refusal(await get(reads, key, f"/v23.0/{path}"))
        assert (status, error["code"]) == (403, 10)


async def test_reading_a_profile_is_not_changing_it(reads: Gateway, mine: Tenant) -> None:
    key = await key_for(reads, mine, "account:read")
    body = {"messaging_product": "whatsapp", "about": "Открыто"}
    path = f"/v23.0/{mine.phone_number_id}/whatsapp_business_profile"
    answer = await reads.ask("POST", path, key=key, json=body)
    assert (answer.status, answer.error["code"]) == (403, 10)


async def test_listing_messages_and_cancelling_them_are_scopes_of_their_own(reads: Gateway, mine: Tenant) -> None:
    reader, sender = await key_for(reads, mine, "messages:read"), await key_for(reads, mine, "messages:send")
    path = f"/v1/messages/{uuid4()}:cancel"
    assert (await get(reads, reader, "/v1/messages")).status == 200
    assert (await get(reads, sender, "/v1/messages")).status == 403
    assert (await reads.ask("POST", path, key=reader)).status == 403
    assert (await reads.ask("POST", path, key=sender)).status == 404
