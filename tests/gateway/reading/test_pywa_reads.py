"""An unmodified pywa reads numbers, accounts, templates and profiles from us as from Meta."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pywa import WhatsApp
from pywa.errors import WhatsAppError
from pywa.types import Industry
from pywa.types.templates import TemplateCategory, TemplateStatus

from tests.e2e.clients.pywa_client import ThroughGateway
from tests.gateway.reading.stand import add_template
from tests.gateway.stand import WABA_ID, Gateway, Tenant
from tests.gateway.upstream.meta import Meta


@pytest.fixture(scope="module")
async def mine(reads: Gateway) -> Tenant:
    return await reads.new_tenant()


@pytest.fixture
def client(reads: Gateway, mine: Tenant) -> WhatsApp:
    session = httpx.Client(transport=ThroughGateway(reads.url), timeout=30.0)
    return WhatsApp(phone_id=mine.phone_number_id, waba_id=WABA_ID, token=mine.api_key, session=session)


async def call(what: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """Pywa blocks; the gateway under test lives in this loop."""
    return await asyncio.to_thread(what, *arguments, **more)


async def test_pywa_reads_a_number(client: WhatsApp, meta: Meta, mine: Tenant) -> None:
    meta.answers({"verified_name": "Сад", "quality_rating": "GREEN", "status": "CONNECTED"})
    number = await call(client.get_business_phone_number)
    assert (number.id, number.display_phone_number) == (mine.phone_number_id, mine.display_phone_number)
    assert (number.verified_name, number.quality_rating) == ("Сад", "GREEN")
    numbers = await call(client.get_business_phone_numbers)
    assert [one.id for one in numbers] == [mine.phone_number_id]


async def test_pywa_reads_an_account(client: WhatsApp, meta: Meta) -> None:
    meta.answers({"name": "Сад", "timezone_id": "1", "message_template_namespace": "ns", "status": "ACTIVE"})
    account = await call(client.get_business_account)
    assert (account.id, account.name) == (WABA_ID, "Сад")


async def test_pywa_reads_templates_page_by_page(client: WhatsApp, reads: Gateway, mine: Tenant) -> None:
    template_id = await add_template(reads, mine, "sale", category="MARKETING")
    found = await call(client.get_templates, statuses=[TemplateStatus.APPROVED])
    assert {template.name for template in found} == {"order_ready", "sale"}
    assert found.total_count == 2
    one = await call(client.get_template, template_id)
    assert (one.name, one.category, one.status) == ("sale", TemplateCategory.MARKETING, TemplateStatus.APPROVED)


async def test_pywa_reads_and_changes_the_profile(client: WhatsApp, meta: Meta) -> None:
    meta.answers({"data": [{"messaging_product": "whatsapp", "about": "Открыто", "vertical": "RETAIL"}]})
    profile = await call(client.get_business_profile)
    assert (profile.about, profile.industry) == ("Открыто", Industry.RETAIL)
    meta.answers({"success": True})
    changed = await call(
        client.update_business_profile, about="Закрыто", industry=Industry.RETAIL, websites=None, email=None
    )
    assert changed.success


async def test_pywa_understands_our_refusals(client: WhatsApp, meta: Meta) -> None:
    with pytest.raises(WhatsAppError) as refused:
        await call(client.get_business_phone_number, phone_id="1")
    assert refused.value.code == 100
    assert meta.asked == []
