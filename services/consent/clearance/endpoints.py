"""HTTP in: the dispatcher's question right before its calls (hot path), and what the gateway asks for its tenants."""

from uuid import UUID

import msgspec
from fastapi import APIRouter
from starlette.datastructures import State
from starlette.requests import Request
from starlette.types import Receive, Scope

from services.consent.clearance import explaining, schemas, service
from services.kernel.errors import Forbidden, Unprocessable
from services.kernel.hot import Answer, HotRoute, check_length, first_values, read_body
from services.kernel.http import BODY_BYTES_MAX, CallerService, Transaction

PATH = "/internal/questions"
BEHIND_SECONDS = 2.0  # architecture, promise 4

router = APIRouter(prefix="/internal", tags=["clearance"])
_decoder = msgspec.json.Decoder(schemas.Questions)
_encoder = msgspec.json.Encoder()


async def ask(state: State, scope: Scope, receive: Receive) -> Answer:
    """Send, stop or wait for each message of a claim, in the order of the questions."""
    headers = first_values(scope["headers"])
    check_length(headers, BODY_BYTES_MAX)
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if state.verifier.verify(token if scheme.lower() == "bearer" else "").role != "service":
        raise Forbidden("this route is for the role service")
    try:
        asked = _decoder.decode(await read_body(receive, BODY_BYTES_MAX))
    except msgspec.MsgspecError as error:
        raise Unprocessable(f"this is not a list of questions: {error}") from None
    questions = [(one.tenant_id, one.message_id) for one in asked.questions]
    async with state.question_database.transaction() as connection:
        # Asked after the connection was waited for: the answer must not be older than the question to the database.
        is_behind = state.inbound_lag.behind(BEHIND_SECONDS)
        answers = await service.answer(
            connection, questions, book=state.book, class_of=state.class_of, is_inbound_behind=is_behind
        )
    body = _encoder.encode(schemas.AnswerList(answers))
    return Answer(200, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))], body)


QUESTIONS = HotRoute(PATH, PATH.__eq__, ask)


@router.get("/tenants/{tenant_id}/decisions/{message_id}")
async def read_decision(
    tenant_id: UUID, message_id: UUID, caller: CallerService, transaction: Transaction
) -> schemas.Decided:
    """What was decided about a message, with its trace in words."""
    return schemas.Decided.of(*await explaining.explain(transaction, tenant_id=tenant_id, message_id=message_id))


@router.post("/checks")
async def check(
    asked: schemas.CheckIn, request: Request, caller: CallerService, transaction: Transaction
) -> schemas.Checked:
    """What would be decided about a message that nobody sends."""
    state = request.app.state
    checked = await explaining.check(transaction, **dict(asked), book=state.book, class_of=state.class_of)
    return schemas.Checked.of(*checked)
