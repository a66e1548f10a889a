"""What one person asks for happens when another one agrees, once; the database itself knows that they are two."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel import clock
from services.kernel.approvals import service
from services.kernel.approvals.errors import ApprovalNotFound, AskedDifferently, NotOpen, SamePerson
from services.kernel.approvals.service import Approval
from services.kernel.db import Database
from services.kernel.errors import Conflict, ServiceError, sqlstate_of

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
CHECK, REFUSED, NOT_ALLOWED = "23514", "23001", "42501"

ACTED = text("insert into seen values ('test.act', :id, :at)")


class Desk:
    """A service with one kind of act: it leaves a row, and fails while `is_broken`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.is_broken = False

    async def act(self, connection: AsyncConnection, approval: Approval) -> dict[str, Any]:
        await connection.execute(ACTED, {"id": uuid4(), "at": clock.now()})
        if self.is_broken:
            raise Conflict("not now")
        return {"done": approval.payload["what"]}

    async def ask(self, *, by: str = "ann", what: str = "this", key: str = "key", **more: Any) -> Approval:
        async with self.database.transaction() as connection:
            return await service.request(
                connection,
                kind="test.act",
                key=key,
                payload={"what": what},
                reason="because",
                requested_by=by,
                **more,
            )

    async def approve(self, approval_id: UUID, *, by: str = "bob") -> Approval:
        async with self.database.transaction() as connection:
            return await service.approve(connection, {"test.act": self.act}, approval_id, approved_by=by)

    async def refuse(self, approval_id: UUID, *, by: str = "bob") -> Approval:
        async with self.database.transaction() as connection:
            return await service.refuse(connection, approval_id, refused_by=by, reason="no")

    async def list_open(self) -> list[UUID]:
        async with self.database.transaction() as connection:
            return [approval.id for approval in await service.list_open(connection)]

    async def find(self, approval_id: UUID) -> Approval:
        async with self.database.transaction() as connection:
            return await service.find(connection, approval_id)

    async def acts_done(self) -> int:
        async with self.database.transaction() as connection:
            return int(await connection.scalar(text("select count(*) from seen")) or 0)

    async def attack(self, sql: str, **values: object) -> str:
        """Run a statement as the service's own role; the SQLSTATE of its refusal."""
        try:
            async with self.database.transaction() as connection:
                await connection.execute(text(sql), values)
        except DBAPIError as error:
            return sqlstate_of(error)
        return ""


@pytest.fixture
async def desk(make_database: Callable[[str], Awaitable[Database]]) -> Desk:
    return Desk(await make_database("billing"))


async def test_what_ann_asks_for_happens_when_bob_agrees(desk: Desk) -> None:
    asked = await desk.ask()
    assert (asked.state, await desk.acts_done()) == ("requested", 0)
    assert await desk.list_open() == [asked.id]
    done = await desk.approve(asked.id)
    assert (done.state, done.requested_by, done.decided_by, done.result) == ("approved", "ann", "bob", {"done": "this"})
    assert await desk.acts_done() == 1
    assert await desk.find(asked.id) == done
    assert await desk.list_open() == []


@pytest.mark.parametrize("name", ["ann", "Ann", " ann "])
async def test_who_asks_does_not_approve_under_any_spelling_of_the_name(desk: Desk, name: str) -> None:
    asked = await desk.ask()
    with pytest.raises(SamePerson):
        await desk.approve(asked.id, by=name)
    assert (await desk.find(asked.id)).state == "requested"
    assert await desk.acts_done() == 0


async def test_a_repeat_of_the_approval_answers_what_was_done_and_does_nothing(desk: Desk) -> None:
    asked = await desk.ask()
    first = await desk.approve(asked.id)
    assert await desk.approve(asked.id) == first
    with pytest.raises(NotOpen, match="bob has approved"):
        await desk.approve(asked.id, by="carl")
    assert await desk.acts_done() == 1


async def test_two_who_approve_at_once_act_once(desk: Desk) -> None:
    asked = await desk.ask()

    async def one(name: str) -> str:
        try:
            return (await desk.approve(asked.id, by=name)).state
        except NotOpen:
            return "too late"

    answers = await asyncio.gather(*(one(f"person {number}") for number in range(4)))
    assert sorted(answers) == ["approved", "too late", "too late", "too late"]
    assert await desk.acts_done() == 1


async def test_what_was_refused_cannot_be_approved_and_can_be_asked_for_again(desk: Desk) -> None:
    asked = await desk.ask()
    assert (await desk.refuse(asked.id)).state == "refused"
    with pytest.raises(NotOpen, match="bob has refused"):
        await desk.approve(asked.id, by="carl")
    assert (await desk.refuse(asked.id)).state == "refused"
    again = await desk.ask()
    assert again.id != asked.id
    assert await desk.acts_done() == 0


async def test_who_asked_may_take_it_back(desk: Desk) -> None:
    asked = await desk.ask()
    assert (await desk.refuse(asked.id, by="ann")).decided_by == "ann"


async def test_what_was_approved_cannot_be_refused(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.approve(asked.id)
    with pytest.raises(NotOpen):
        await desk.refuse(asked.id)


async def test_what_nobody_decided_in_time_cannot_be_approved(desk: Desk) -> None:
    with clock.frozen(NOON) as at:
        asked = await desk.ask(lifetime=timedelta(hours=1))
        at.advance(3_600)
        with pytest.raises(NotOpen, match="in time"):
            await desk.approve(asked.id)
        assert await desk.list_open() == []
        assert (await desk.find(asked.id)).state == "expired"
        with pytest.raises(NotOpen, match="in time"):
            await desk.approve(asked.id)
        again = await desk.ask()
        assert (await desk.approve(again.id)).state == "approved"
    assert await desk.acts_done() == 1


async def test_a_repeated_request_is_the_same_and_another_one_for_the_same_thing_waits(desk: Desk) -> None:
    asked = await desk.ask()
    assert await desk.ask(by="carl") == asked
    with pytest.raises(AskedDifferently, match="ann asks"):
        await desk.ask(what="that")
    assert (await desk.ask(what="that", key="another")).id != asked.id


async def test_an_act_that_fails_leaves_the_request_open(desk: Desk) -> None:
    asked = await desk.ask()
    desk.is_broken = True
    with pytest.raises(Conflict, match="not now"):
        await desk.approve(asked.id)
    assert (await desk.find(asked.id)).state == "requested"
    assert await desk.acts_done() == 0
    desk.is_broken = False
    assert (await desk.approve(asked.id)).state == "approved"


async def test_a_kind_that_nobody_does_is_not_approved(desk: Desk) -> None:
    asked = await desk.ask()
    async with desk.database.transaction() as connection:
        with pytest.raises(NotOpen, match=r"test\.act is nothing"):
            await service.approve(connection, {}, asked.id, approved_by="bob")


async def test_what_was_never_asked_for_is_not_found(desk: Desk) -> None:
    for act in (desk.approve, desk.refuse, desk.find):
        with pytest.raises(ApprovalNotFound):
            await act(uuid4())
    assert issubclass(ApprovalNotFound, ServiceError)


ROW = "gen_random_uuid(), 'test.act', 'mine', '{}', 'r', 'ann', now(), now() + interval '1 day'"
COLUMNS = "id, kind, key, payload, reason, requested_by, requested_at, expires_at"
APPROVE = "state = 'approved', decided_at = requested_at, result = '{}'"

ATTACKS = {
    "one person approves her own request": (f"update approvals set {APPROVE}, decided_by = 'ann'", CHECK),
    "under another spelling": (f"update approvals set {APPROVE}, decided_by = ' ANN '", CHECK),
    "nobody approves": (f"update approvals set {APPROVE}", CHECK),
    "a person without a name approves": (f"update approvals set {APPROVE}, decided_by = ' '", CHECK),
    "approved after its end": (
        "update approvals set state = 'approved', decided_at = expires_at, result = '{}', decided_by = 'bob'",
        CHECK,
    ),
    "who asked is exchanged": ("update approvals set requested_by = 'bob'", NOT_ALLOWED),
    "what was asked for is exchanged": ('update approvals set payload = \'{"what": "more"}\'', NOT_ALLOWED),
    "its end is moved": ("update approvals set expires_at = expires_at + interval '1 year'", NOT_ALLOWED),
    "an approval without a request": (
        f"insert into approvals ({COLUMNS}, state, decided_by, decided_at, result)"
        f" values ({ROW}, 'approved', 'bob', now(), '{{}}')",
        REFUSED,
    ),
    "a request is removed": ("delete from approvals", NOT_ALLOWED),
    "all are removed": ("truncate approvals", NOT_ALLOWED),
    "a state of its own invention": ("update approvals set state = 'done'", CHECK),
}


@pytest.mark.parametrize(("sql", "code"), ATTACKS.values(), ids=ATTACKS.keys())
async def test_the_database_refuses_the_services_own_role(desk: Desk, sql: str, code: str) -> None:
    asked = await desk.ask()
    assert await desk.attack(sql) == code
    assert await desk.find(asked.id) == asked


@pytest.mark.parametrize("decide", ["approve", "refuse"])
async def test_a_decision_is_never_changed(desk: Desk, decide: str) -> None:
    asked = await desk.ask()
    await (desk.approve(asked.id) if decide == "approve" else desk.refuse(asked.id))
    decided = await desk.find(asked.id)
    for change in (
        "state = 'requested', decided_by = null, decided_at = null",
        "decided_by = 'carl'",
        "decided_at = decided_at + interval '1 s'",
        'result = \'{"done": "more"}\'',
        "result = null",
    ):
        assert await desk.attack(f"update approvals set {change}") in (REFUSED, CHECK)
    assert await desk.find(asked.id) == decided


async def test_what_is_not_an_attack_is_written(desk: Desk) -> None:
    """The refusals above are not refusals of everything."""
    await desk.ask()
    assert await desk.attack(f"update approvals set {APPROVE}, decided_by = 'bob'") == ""
    assert await desk.attack(f"insert into approvals ({COLUMNS}) values ({ROW})") == ""
