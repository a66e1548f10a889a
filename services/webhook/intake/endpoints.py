"""The door that Meta knocks at: answered before middleware and routing, for this is the busiest of all (hot path)."""

from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope

from services.kernel import crypto
from services.kernel.errors import Forbidden, Unauthorized, Unavailable
from services.kernel.hot import Answer, HotRoute, check_length, first_values, read_body
from services.webhook.intake.metrics import REJECTED
from services.webhook.intake.service import Intake
from services.webhook.signatures.service import Signers

PATH = "/webhook"
BODY_BYTES_MAX = 3 * 1024 * 1024 + 64 * 1024  # Meta sends up to 3 MB (whatsapp-cloud-api 3.2)
TAKEN = Answer(200, [(b"content-length", b"0")], b"")


def handshake_route(verify_token: bytes) -> Route:
    """`GET` for Meta's handshake."""

    async def handshake(request: Request) -> Response:
        asked = request.query_params
        is_ours = crypto.equal(asked.get("hub.verify_token", "").encode(), verify_token)
        if asked.get("hub.mode") != "subscribe" or not is_ours or "hub.challenge" not in asked:
            REJECTED.labels("handshake").inc()
            raise Forbidden("the verify token is not ours, or this is not a subscription")
        return PlainTextResponse(asked["hub.challenge"])

    return Route(PATH, handshake, methods=["GET"])


def reports_route(intake: Intake, signers: Signers) -> HotRoute:
    """`POST` for Meta's reports."""

    async def receive_reports(state: State, scope: Scope, receive: Receive) -> Answer:
        headers = first_values(scope["headers"])
        check_length(headers, BODY_BYTES_MAX)
        if not intake.is_ready:
            REJECTED.labels("not_ready").inc()
            raise Unavailable("the tenants are not read yet; send it again")
        body = await read_body(receive, BODY_BYTES_MAX)
        signed_for = signers.signed_for(body, headers.get(b"x-hub-signature-256", b"").decode("latin-1"))
        if not signed_for:
            REJECTED.labels("signature").inc()
            raise Unauthorized("X-Hub-Signature-256 is missing or does not fit these bytes")
        await intake.take(body, signed_for)
        return TAKEN

    return HotRoute(PATH, PATH.__eq__, receive_reports)
