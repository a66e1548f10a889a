"""A tenant makes, sees, rotates and revokes its keys, and cannot lock itself out by mistake."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text as sql

from services.gateway.api_keys.service import KEPT_MAX, USABLE_MAX
from services.gateway.tenants.service import SCOPES
from services.kernel.db import Database
from tests.gateway.api_keys.stand import Keyholder, new_keyholder
from tests.gateway.stand import Gateway, Tenant


async def test_a_new_key_is_shown_once_and_works_at_once(holder: Keyholder) -> None:
    made = await holder.make(name="  Mailing  ", scopes=["callbacks", "billing"], rate_per_second=7)
    assert made["key"].startswith("vk_live_")
    assert (made["name"], made["scopes"], made["state"]) == ("Mailing", ["callbacks", "billing"], "active")
    assert (made["mode"], made["rate_per_second"], made["test_number"]) == ("live", 7, None)
    assert (await holder.use(made["key"])).status == 200
    [first, shown] = await holder.all()
    assert first["scopes"] == list(SCOPES)
    assert shown == {name: value for name, value in made.items() if name not in ("key", "callback_secret")}
    assert shown == (await holder.ask("GET", f"/{made['id']}")).json()
    assert made["key"].startswith(shown["prefix"])


async def test_no_answer_holds_a_key_or_its_hash(holder: Keyholder, gateway_database: Database) -> None:
    made = await holder.make()
    async with gateway_database.transaction() as connection:
        [key_hash] = await connection.scalars(sql("select key_hash from api_keys where id = :i"), {"i": made["id"]})
    for path in ("", f"/{made['id']}"):
        body = (await holder.ask("GET", path)).body.decode()
        assert made["key"] not in body
        assert key_hash.hex() not in body


async def test_scopes_left_out_are_those_of_the_maker_but_for_keys(holder: Keyholder) -> None:
    assert (await holder.make())["scopes"] == [scope for scope in SCOPES if scope != "keys"]
    narrow = await holder.make(scopes=["media", "keys"])
    assert (await holder.make(by=narrow["key"]))["scopes"] == ["media"]


async def test_a_key_cannot_grant_what_it_lacks(holder: Keyholder) -> None:
    narrow = await holder.make(scopes=["media", "keys"])
    why = await holder.refused(403, by=narrow["key"], scopes=["billing", "media", "messages:send"])
    assert "lacks billing, messages:send itself" in why
    answer = await holder.ask("POST", f"/{(await holder.first())['id']}:rotate", key=narrow["key"], json={})
    assert answer.status == 403, "a rotation would hand out the other key's scopes"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": " "}, "name"),
    "a long name": ({"name": "x" * 101}, "name"),
    "a NUL in the name": ({"name": "a\x00b"}, "name"),
    "an unknown scope": ({"scopes": ["root"]}, "scopes"),
    "no scopes": ({"scopes": []}, "scopes"),
    "a scope twice": ({"scopes": ["media", "media"]}, "scopes"),
    "host bits": ({"networks": ["203.0.113.7/24"]}, "networks"),
    "no network": ({"networks": ["localhost"]}, "networks"),
    "a number for a network": ({"networks": [17]}, "networks"),
    "too many networks": ({"networks": ["203.0.113.0/24"] * 51}, "networks"),
    "no zone": ({"valid_from": "2030-01-01T00:00:00"}, "valid_from"),
    "the end before the beginning": (
        {"valid_from": "2030-01-02T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z"},
        "valid_until",
    ),
    "over already": ({"valid_until": "2020-01-01T00:00:00Z"}, "valid_until"),
    "rate zero": ({"rate_per_second": 0}, "rate_per_second"),
    "too high a rate": ({"rate_per_second": 5_001}, "rate_per_second: at most 5000"),
    "another mode": ({"mode": "demo"}, "mode"),
    "a test key that manages keys": ({"mode": "test", "scopes": ["keys"]}, "live keys"),
    "an unknown field": ({"admin": True}, "admin"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_names_the_field(gateway: Gateway, tenant: Tenant, name: str) -> None:
    body, field = BAD[name]
    assert field in await Keyholder(gateway, tenant).refused(422, **body)


async def test_a_revoked_key_is_refused_and_revoking_again_changes_nothing(holder: Keyholder) -> None:
    made = await holder.make()
    assert (await holder.ask("DELETE", f"/{made['id']}")).status == 204
    revoked = (await holder.ask("GET", f"/{made['id']}")).json()
    assert revoked["state"] == "revoked"
    assert (await holder.ask("DELETE", f"/{made['id']}")).status == 204
    assert (await holder.ask("GET", f"/{made['id']}")).json() == revoked
    assert (await holder.use(made["key"])).status == 401


async def test_a_revoked_key_makes_no_other_while_the_door_still_remembers_it(holder: Keyholder) -> None:
    leaked = await holder.make(scopes=["keys", "media"])
    assert (await holder.ask("GET", key=leaked["key"])).status == 200
    assert (await holder.ask("DELETE", f"/{leaked['id']}")).status == 204
    assert "revoked" in await holder.refused(401, by=leaked["key"], scopes=["keys"])
    answer = await holder.ask("POST", f"/{leaked['id']}:rotate", key=leaked["key"], json={})
    assert answer.status == 401
    assert len(await holder.all()) == 2


async def test_the_last_managing_key_cannot_be_revoked(holder: Keyholder) -> None:
    await holder.make()
    await holder.make(scopes=["keys"], valid_from="2100-01-01T00:00:00Z")
    first = await holder.first()
    answer = await holder.ask("DELETE", f"/{first['id']}")
    assert answer.status == 409
    assert "last usable API key with the scope keys" in answer.json()["detail"]
    other = await holder.make(scopes=["keys"])
    assert (await holder.ask("DELETE", f"/{first['id']}")).status == 204
    assert (await holder.ask("DELETE", f"/{other['id']}", key=other["key"])).status == 409


async def test_two_managing_keys_revoked_at_once_leave_one(holder: Keyholder) -> None:
    other = await holder.make(scopes=["keys"])
    first = await holder.first()
    answers = await asyncio.gather(*(holder.ask("DELETE", f"/{one['id']}") for one in (first, other)))
    assert sorted(answer.status for answer in answers) == [204, 409]


async def test_a_rotated_key_works_until_the_overlap_ends(holder: Keyholder) -> None:
    old = await holder.make(scopes=["callbacks"], networks=["127.0.0.1"], rate_per_second=9, name="CRM")
    answer = await holder.ask("POST", f"/{old['id']}:rotate", json={"overlap_hours": 2})
    assert answer.status == 201
    new = answer.json()
    assert new["key"] != old["key"]
    same = ("name", "mode", "scopes", "networks", "rate_per_second", "valid_from", "valid_until")
    assert [new[name] for name in same] == [old[name] for name in same]
    assert [(await holder.use(key)).status for key in (old["key"], new["key"])] == [200, 200]
    shown = (await holder.ask("GET", f"/{old['id']}")).json()
    assert shown["replaced_by"] == new["id"]
    assert shown["valid_until"] is not None
    again = await holder.ask("POST", f"/{old['id']}:rotate", json={"overlap_hours": 2})
    assert again.status == 409
    assert new["id"] in again.json()["detail"]


async def test_a_rotation_never_makes_a_key_live_longer(holder: Keyholder, gateway_database: Database) -> None:
    old = await holder.make(valid_until="2100-01-01T00:00:00Z")
    sooner = sql("update api_keys set valid_until = now() + interval '1 hour' where id = :i returning valid_until")
    async with gateway_database.transaction() as connection:
        [end] = await connection.scalars(sooner, {"i": old["id"]})
    new = (await holder.ask("POST", f"/{old['id']}:rotate")).json()
    ends = [one["valid_until"] for one in await holder.all() if one["id"] in (old["id"], new["id"])]
    assert ends == [end.isoformat().replace("+00:00", "Z")] * 2


async def test_a_rotation_without_an_overlap_revokes_the_old_key(holder: Keyholder) -> None:
    old = await holder.make(valid_from="2100-01-01T00:00:00Z")
    new = (await holder.ask("POST", f"/{old['id']}:rotate", json={"overlap_hours": 0})).json()
    states = {one["id"]: one["state"] for one in await holder.all()}
    assert (states[old["id"]], states[new["id"]]) == ("revoked", "not_yet_valid")
    assert (await holder.ask("POST", f"/{old['id']}:rotate", json={})).status == 409
    for overlap in (-1, 169, "long"):
        answer = await holder.ask("POST", f"/{new['id']}:rotate", json={"overlap_hours": overlap})
        assert answer.status == 422


async def test_a_tenant_has_at_most_so_many_usable_keys(holder: Keyholder, gateway_database: Database) -> None:
    await _fill(gateway_database, holder, USABLE_MAX - 1, revoked=False)
    assert f"{USABLE_MAX} API keys" in await holder.refused(409)
    assert f"{USABLE_MAX} API keys" in await holder.refused(409, mode="test")
    one = (await holder.all())[-1]
    assert (await holder.ask("DELETE", f"/{one['id']}")).status == 204
    await holder.make()


async def test_making_and_revoking_without_end_ends(holder: Keyholder, gateway_database: Database) -> None:
    await _fill(gateway_database, holder, KEPT_MAX - 1, revoked=True)
    assert "ask your provider" in await holder.refused(409)


async def test_keys_that_expired_long_ago_take_no_room(holder: Keyholder, gateway_database: Database) -> None:
    await _fill(gateway_database, holder, KEPT_MAX, revoked=False)
    async with gateway_database.transaction() as connection:
        expire = sql("update api_keys set valid_until = now() - interval '91 days' where tenant_id = :t and name = :n")
        await connection.execute(expire, {"t": holder.tenant.id, "n": "filler"})
    made = await holder.make()
    assert [one["id"] for one in await holder.all()][1:] == [made["id"]]


async def test_staff_give_a_key_to_a_tenant_that_has_no_room(holder: Keyholder, gateway_database: Database) -> None:
    await _fill(gateway_database, holder, USABLE_MAX, revoked=False)
    answer = await holder.gateway.staff(f"/internal/tenants/{holder.tenant.id}/api-keys", {})
    assert answer.status == 201


async def _fill(database: Database, holder: Keyholder, count: int, *, revoked: bool) -> None:
    statement = sql(
        "insert into api_keys (id, tenant_id, key_hash, prefix, name, mode, scopes, revoked_at)"
        " select gen_random_uuid(), :t, sha256(cast(cast(gen_random_uuid() as text) as bytea)), 'vk_live_', 'filler',"
        " 'live', array['media'], case when :revoked then now() end from generate_series(1, :count)"
    )
    async with database.transaction() as connection:
        await connection.execute(statement, {"t": holder.tenant.id, "count": count, "revoked": revoked})


async def test_another_tenants_key_is_answered_like_one_that_does_not_exist(
    holder: Keyholder, gateway: Gateway
) -> None:
    stranger = await new_keyholder(gateway)
    theirs = await holder.make()
    for method, path in (("GET", "/{}"), ("DELETE", "/{}"), ("POST", "/{}:rotate")):
        answers = [
            await stranger.ask(method, path.format(id_), json={}) for id_ in (theirs["id"], str(uuid4()), "x", "1" * 99)
        ]
        assert {answer.status for answer in answers} == {404}
        assert len({answer.body for answer in answers}) == 1
    assert theirs["id"] not in [one["id"] for one in await stranger.all()]


async def test_staff_give_a_key_to_a_tenant_that_has_none_left(holder: Keyholder) -> None:
    path = f"/internal/tenants/{holder.tenant.id}/api-keys"
    answer = await holder.gateway.staff(path, {"name": "Restored"})
    assert answer.status == 201
    assert len([await holder.make(by=answer.json()["key"], scopes=[scope]) for scope in SCOPES]) == len(SCOPES)
    assert (await holder.gateway.ask("POST", path, key=holder.tenant.api_key, json={})).status == 401
    assert (await holder.gateway.staff(f"/internal/tenants/{uuid4()}/api-keys", {})).status == 404
