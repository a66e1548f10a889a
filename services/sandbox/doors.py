"""The outermost layer: who may come in by which door (hot path)."""

import base64
import binascii
import hmac
import re

from starlette.types import ASGIApp, Receive, Scope, Send

CONTROLS = "/_sandbox"
UNAUTHORIZED, FORBIDDEN = 401, 403
_UPLOAD = re.compile(r"/v\d{1,3}\.\d{1,2}/\d{1,20}/media")
_REFUSED = b'{"error":"the controls need the control token: Authorization: Bearer <CONTROL_TOKEN>"}'
_FOREIGN = b'{"error":"the controls are not for other sites\' pages"}'


class Doors:
    """Uploads go past the limit of ordinary bodies; the controls ask for their token, if there is one."""

    def __init__(self, app: ASGIApp, uploads: ASGIApp, control_token: str) -> None:
        self._app = app
        self._uploads = uploads
        self._token = control_token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path.startswith(CONTROLS) and (refusal := self._refusal(scope)) is not None:
            return await _refuse(send, *refusal)
        if path.endswith("/media") and _UPLOAD.fullmatch(path):
            return await self._uploads(scope, receive, send)
        return await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, bytes] | None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if origin and origin.partition(b"://")[2] != headers.get(b"host"):
            return FORBIDDEN, _FOREIGN
        if not self._token or any(hmac.compare_digest(given, self._token) for given in _tokens(headers)):
            return None
        return UNAUTHORIZED, _REFUSED


def _tokens(headers: dict[bytes, bytes]) -> tuple[bytes, ...]:
    """What the caller shows; a browser asks its user and sends Basic, whose password is the token."""
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            given = b""
    return given.strip(), headers.get(b"x-control-token", b"")


async def _refuse(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Basic realm="sandbox controls", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
