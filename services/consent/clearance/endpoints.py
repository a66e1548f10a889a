"""HTTP in: the dispatcher's question right before its calls (hot path: a plain route, msgspec, one statement)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.consent.clearance import schemas, service
from services.kernel.errors import Forbidden, Unprocessable
from services.kernel.http import principal_of

PATH = "/internal/questions"
BEHIND_SECONDS = 2.0  # architecture, promise 4

_decoder = msgspec.json.Decoder(schemas.Questions)
_encoder = msgspec.json.Encoder()


async def ask(request: Request) -> Response:
    """Send, stop or wait for each message of a claim, in the order of the questions."""
    if principal_of(request).role != "service":
        raise Forbidden("this route is for the role service")
    try:
        asked = _decoder.decode(await request.body())
    except msgspec.MsgspecError as error:
        raise Unprocessable(f"this is not a list of questions: {error}") from None
    questions = [(one.tenant_id, one.message_id) for one in asked.questions]
    state = request.app.state
    async with state.database.transaction() as connection:
        # Asked after the connection was waited for: the answer must not be older than the question to the database.
        is_behind = state.inbound_lag.behind(BEHIND_SECONDS)
        answers = await service.answer(connection, questions, is_inbound_behind=is_behind)
    return Response(_encoder.encode(schemas.AnswerList(answers)), media_type="application/json")
