"""Says in every answer to an API key what is left of the key's limit (draft-ietf-httpapi-ratelimit-headers-10)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.tenants.admission import Visit

VISITS = "vestnik.visits"


def leave(visit: Visit, scope: Scope) -> None:
    """Let the answer to this request speak of the visit."""
    visits: list[Visit] | None = scope.get(VISITS)
    if visits is not None:
        visits.append(visit)


class RateHeaders:
    """Adds `RateLimit-Policy` and `RateLimit`, also to refusals of whatever kind (pure ASGI)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        visits: list[Visit] = []
        scope[VISITS] = visits

        async def watched(message: Message) -> None:
            if visits and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers_of(visits[-1])]
            await send(message)

        return await self._app(scope, receive, watched)


def headers_of(visit: Visit) -> list[tuple[bytes, bytes]]:
    """What the answer to a visit says of its key's limit."""
    if visit.policy is None:  # an unknown key has no limit to speak of
        return []
    return [(b"ratelimit-policy", visit.policy), (b"ratelimit", b'"key";r=%d;t=1' % max(0, int(visit.left)))]
