"""What people choose in WhatsApp itself restricts marketing, and lifts only what it restricted."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.kernel.contracts.conversations import ConsentWithdrawn
from tests.consent.stand import HOUR, NOON, Consent, inbound, person_id, preferred

TENANT = UUID("01930000-0000-7000-8000-000000000001")
PERSON = person_id()


async def states(consent: Consent) -> dict[str, str]:
    async with consent.database.transaction() as connection:
        rows = await connection.execute(text("select purpose, state from consents"))
        return {row.purpose: row.state for row in rows}


async def test_a_stop_at_meta_withdraws_marketing_alone(consent: Consent) -> None:
    said = preferred(TENANT, PERSON, "stop", NOON)
    (fact,) = await consent.is_told(said)
    assert isinstance(fact, ConsentWithdrawn)
    assert (fact.purpose, fact.source, fact.occurred_at) == ("marketing", "platform_preference", NOON)
    assert await consent.is_told(said) == [fact]
    assert await states(consent) == {"marketing": "withdrawn"}


@pytest.mark.parametrize("value", ["resume", "signup"])
async def test_resuming_does_not_lift_what_the_person_told_the_tenant(consent: Consent, value: Any) -> None:
    await consent.hears(inbound(TENANT, PERSON, NOON, "stop"))
    await consent.is_told(preferred(TENANT, PERSON, "stop", NOON + HOUR))
    assert await consent.is_told(preferred(TENANT, PERSON, value, NOON + 2 * HOUR)) == []
    assert await states(consent) == dict.fromkeys(("service", "authentication", "marketing"), "withdrawn")


async def test_start_does_not_lift_what_the_person_stopped_at_meta(consent: Consent) -> None:
    await consent.is_told(preferred(TENANT, PERSON, "stop", NOON))
    await consent.hears(inbound(TENANT, PERSON, NOON + HOUR, "start"))
    assert (await states(consent))["marketing"] == "withdrawn"


async def test_a_category_that_stands_for_no_purpose_changes_nothing(consent: Consent) -> None:
    assert await consent.is_told(preferred(TENANT, PERSON, "stop", NOON, category="horoscopes")) == []
    assert await states(consent) == {}


async def test_a_resume_from_the_far_future_is_not_stronger_than_a_later_stop(consent: Consent) -> None:
    await consent.is_told(preferred(TENANT, PERSON, "resume", NOON + 9_999 * HOUR), now=NOON)
    await consent.is_told(preferred(TENANT, PERSON, "stop", NOON + HOUR))
    assert await states(consent) == {"marketing": "withdrawn"}
