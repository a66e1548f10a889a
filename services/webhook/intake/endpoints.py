"""The door that Meta knocks at: plain Starlette routes, for this is the busiest door of the house (hot path)."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.kernel import crypto
from services.kernel.errors import Forbidden, Unauthorized, Unavailable
from services.webhook.intake.metrics import REJECTED
from services.webhook.intake.service import Intake
from services.webhook.signatures.service import Signers

PATH = "/webhook"
BODY_BYTES_MAX = 3 * 1024 * 1024 + 64 * 1024  # Meta sends up to 3 MB (whatsapp-cloud-api 3.2)


def routes(intake: Intake, *, signers: Signers, verify_token: bytes) -> list[Route]:
    """`GET` for Meta's handshake and `POST` for its reports."""

    async def handshake(request: Request) -> Response:
        asked = request.query_params
        is_ours = crypto.equal(asked.get("hub.verify_token", "").encode(), verify_token)
        if asked.get("hub.mode") != "subscribe" or not is_ours or "hub.challenge" not in asked:
            REJECTED.labels("handshake").inc()
            raise Forbidden("the verify token is not ours, or this is not a subscription")
        return PlainTextResponse(asked["hub.challenge"])

    async def receive(request: Request) -> Response:
        if not intake.is_ready:
            REJECTED.labels("not_ready").inc()
            raise Unavailable("the tenants are not read yet; send it again")
        body = await request.body()
        signed_for = signers.signed_for(body, request.headers.get("x-hub-signature-256", ""))
        if not signed_for:
            REJECTED.labels("signature").inc()
            raise Unauthorized("X-Hub-Signature-256 is missing or does not fit these bytes")
        await intake.take(body, signed_for)
        return Response(status_code=200)

    return [Route(PATH, handshake, methods=["GET"]), Route(PATH, receive, methods=["POST"])]
