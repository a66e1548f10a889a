"""How another tenant's key is tried on what messages cost."""

from tests.e2e.walls.asking import Answer
from tests.e2e.walls.trials import Stand


async def listing_charges(stand: Stand) -> None:
    """Nothing of the owner's is seen, not even by the cursor of one of the owner's pages."""
    theirs = await stand.owner.call("GET", "/v1/billing/charges?limit=1")
    assert stand.message_id in str(theirs.body)
    own = await stand.ask("GET", "/v1/billing/charges", **_claiming(stand))
    assert own.status == 200
    assert stand.message_id not in str(own.body)
    await _naming_the_owner(stand, "/v1/billing/charges")
    cursor = theirs.body["paging"]["next"]
    if cursor is not None:
        assert (await stand.ask("GET", f"/v1/billing/charges?limit=1&cursor={cursor}")).status == 422


async def reading_usage(stand: Stand) -> None:
    """The owner has sent what was paid for; the stranger sees its own months, in which nothing was."""
    theirs = await stand.owner.call("GET", "/v1/billing/usage")
    assert theirs.body["data"][0]["position"] > 0
    own = await stand.ask("GET", "/v1/billing/usage", **_claiming(stand))
    assert own.status == 200
    assert own.body["data"][0]["position"] == 0
    await _naming_the_owner(stand, "/v1/billing/usage")


async def _naming_the_owner(stand: Stand, path: str) -> None:
    """A tenant is no parameter of these routes."""
    none = "019234ab-5d10-7c3e-9f00-2b6f1f0f9a11"
    refused: Answer = await stand.ask("GET", f"{path}?tenant_id={stand.owner.id}")
    assert refused.status == 422
    assert refused.about(stand.owner.id) == (await stand.ask("GET", f"{path}?tenant_id={none}")).about(none)


def _claiming(stand: Stand) -> dict[str, str]:
    """Headers in which a caller could claim to be somebody else, if anybody believed them."""
    return {"X-Tenant-Id": stand.owner.id, "X-Forwarded-User": stand.owner.id}
