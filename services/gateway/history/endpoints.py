"""A tenant asks about its messages, and takes one back."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request

from services.gateway.history import schemas, service
from services.gateway.history.owners import Owners
from services.gateway.history.service import Question
from services.gateway.messages.errors import MessageNotFound
from services.gateway.messages.states import State
from services.gateway.refusals import refusal
from services.gateway.tenants.authentication import MessageReader, MessageSender
from services.kernel import crypto

MessageId = Annotated[
    str,
    Path(
        description="messages[0].id of the send answer; the same id stands in callbacks.",
        examples=["019ab0c4-7f3e-7c11-9c55-3d1a2b4c5d6e"],
    ),
]


MISSING = refusal(404, "There is no such message of yours; answered after a second at most.")

router = APIRouter(prefix="/v1/messages", tags=["messages"])


@router.get(
    "", summary="List messages", responses=refusal(422, "A filter, the range or the cursor is wrong: which and why.")
)
async def list_messages(
    asked: Annotated[schemas.Listing, Query()], tenant: MessageReader, request: Request
) -> schemas.MessageList:
    """Your messages, newest first, a page at a time.

    Follow `paging.next` until it is null. A page can be short, or even empty, and still have a next one: each looks at
    a bounded number of messages for those that match. Messages that are accepted meanwhile change nothing on later
    pages.
    """
    question = await _question(asked, tenant.tenant_id, request)
    async with request.app.state.database.transaction() as connection:
        page = await service.page(connection, question, limit=asked.limit, cursor=asked.cursor)
    data = [schemas.listed(row) for row in page.rows]
    return schemas.MessageList(data=data, paging=schemas.Paging(next=page.cursor))


@router.get("/{message_id}", summary="Read a message", responses=MISSING, response_model_exclude_defaults=True)
async def get_message(message_id: MessageId, tenant: MessageReader, request: Request) -> schemas.Message:
    """One message with its state, price, decision trace in words, and history.

    404 after at most one second for an id that does not exist or belongs to another tenant. A part that could not be
    had within a second is left out, and `incomplete` names it: ask again.
    """
    owners = Owners(request.app.state.internal_clients)
    found = await service.one(
        request.app.state.database, owners, tenant_id=tenant.tenant_id, message_id=_parse(message_id)
    )
    return schemas.message(*found)


@router.post(
    "/{message_id}:cancel",
    summary="Cancel a message",
    responses=MISSING | refusal(409, "It is too late: the text says the state and what is left to do."),
)
async def cancel_message(message_id: MessageId, tenant: MessageSender, request: Request) -> schemas.ListedMessage:
    """Take a message back whose call to Meta has not begun.

    It fails with code 135000 and reason `cancelled`, a failed status is called back, and what was held for it returns
    to the wallet. Cancelling it again answers the same; the idempotency key of its send does not bring it back.
    """
    act = partial(service.cancel, tenant_id=tenant.tenant_id, message_id=_parse(message_id))
    return schemas.listed(await service.when_stored(request.app.state.database, act))


async def _question(asked: schemas.Listing, tenant_id: UUID, request: Request) -> Question:
    index_key = await request.app.state.keyring.index_key(tenant_id) if asked.person else b""
    return Question(
        tenant_id=tenant_id,
        since=asked.from_,
        until=asked.to,
        states=tuple(sorted({int(State[name.upper()]) for name in asked.state})),
        phone_number_id=asked.phone_number_id,
        template=asked.template,
        person=crypto.blind_index(index_key, "phone", asked.person) if asked.person else None,
    )


def _parse(message_id: str) -> UUID:
    try:
        return UUID(message_id)
    except ValueError:
        raise MessageNotFound from None
