"""`POST /{version}/{phone_number_id}/media`, `DELETE /{version}/{media_id}`, and our own download url."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.graph.errors import BodyTooLarge, GraphError
from services.gateway.graph.routing import GRAPH_RESPONSES, GraphRoute, Version
from services.gateway.media.forms import FORM_BYTES_MAX, Head
from services.gateway.media.limits import FILE_BYTES_MAX
from services.gateway.media.schemas import DOWNLOAD_RESPONSES, MEDIA_ID, UPLOAD_BODY, DeletedMedia, UploadedMedia
from services.gateway.media.service import Content, Shelf, Uploads, media_uuid
from services.gateway.tenants.authentication import MediaUser
from services.kernel.errors import ServiceError
from services.kernel.http import BODY_BYTES_MAX_OF_SCOPE

_UPLOAD = re.compile(r"/v[0-9]{1,3}\.[0-9]{1,2}/[^/]+/media")

graph_router = APIRouter(route_class=GraphRoute, responses=GRAPH_RESPONSES, tags=["media"])
router = APIRouter(tags=["media"])

MediaId = Annotated[
    str, Path(description="`id` of an upload of yours, or of a file in a callback.", examples=[MEDIA_ID])
]
NumberId = Annotated[str, Path(description="The number that will send the file.", examples=["106540352242922"])]
OfNumber = Annotated[
    str | None, Query(max_length=32, description="The number that the media belongs to; checked when it is given.")
]


async def _download_place(request: Request, tenant: MediaUser) -> AsyncIterator[None]:
    shelf: Shelf = request.app.state.media
    with shelf.download_place(tenant.tenant_id):
        yield


# scope="request": given back when the answer has ended, whichever way.
DownloadPlace = Annotated[None, Depends(_download_place, scope="request")]


@graph_router.post(
    "/{version:graph_version}/{phone_number_id}/media", summary="Upload a file", openapi_extra=UPLOAD_BODY
)
async def upload_media(
    request: Request, version: Version, phone_number_id: NumberId, tenant: MediaUser
) -> UploadedMedia:
    """Store a file and give it to Meta: its id can be sent for 29 days.

    Types and sizes are Meta's: images 5 MB, audio and video 16 MB, documents 100 MB, stickers 100 KB or, animated,
    500 KB. The file is read as a stream and stored sealed under your own key.
    messaging_product and type may stand in the query instead of the form, as at Meta.
    """
    uploads: Uploads = request.app.state.uploads
    body = _body_of(request)
    try:
        head = Head(request.headers.get("content-type", ""), request.query_params)
        media_id = await uploads.upload(tenant, phone_number_id, head=head, body=body)
    except GraphError:
        await _drain(body)
        raise
    return UploadedMedia(id=str(media_id))


@graph_router.delete("/{version:graph_version}/{media_id}", summary="Delete a file")
async def delete_media(
    request: Request, version: Version, media_id: MediaId, tenant: MediaUser, phone_number_id: OfNumber = None
) -> DeletedMedia:
    """Remove a file, yours or one that a person sent you."""
    shelf: Shelf = request.app.state.media
    await shelf.delete(tenant.tenant_id, media_uuid(media_id), phone_number_id=phone_number_id)
    return DeletedMedia()


@router.get(
    "/media/{media_id}",
    summary="Download a file",
    response_class=StreamingResponse,
    responses=DOWNLOAD_RESPONSES,
)
async def download_media(
    request: Request, media_id: MediaId, tenant: MediaUser, place: DownloadPlace
) -> StreamingResponse:
    """The url of a media description: give the same API key, as with Meta's own. Up to 16 may be open at once."""
    shelf: Shelf = request.app.state.media
    content = await shelf.content(tenant.tenant_id, media_uuid(media_id))
    return StreamingResponse(content.pieces, headers=_headers(content), media_type=content.mime)


def _headers(content: Content) -> dict[str, str]:
    """Never shown by a browser in our own origin: what people send may be a web page."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", content.filename)
    return {
        "Content-Length": str(content.size),
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(content.filename, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }


async def _body_of(request: Request) -> AsyncIterator[bytes]:
    """What came before the client went away is a form without an end."""
    with suppress(ClientDisconnect):
        async for piece in request.stream():
            yield piece


async def _drain(body: AsyncIterator[bytes]) -> None:
    """Read what is left of a refused form, or the client never sees the refusal: its length is limited already."""
    with suppress(ServiceError):
        async for _ in body:
            pass


class MediaLimit:
    """Lets an upload be as large as the largest file, for the process's limit that stands behind (pure ASGI)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_upload = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/media")
        if is_upload and _UPLOAD.fullmatch(scope["path"]):
            scope[BODY_BYTES_MAX_OF_SCOPE] = FORM_BYTES_MAX
            length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
            if length.isdigit() and int(length) > FORM_BYTES_MAX:
                return await _too_large()(scope, receive, send)
        return await self._app(scope, receive, send)


def _too_large() -> Response:
    error = BodyTooLarge(f"The form is larger than {FORM_BYTES_MAX} bytes: the largest file has {FILE_BYTES_MAX}.")
    closed = {"Connection": "close"}  # the body is not read
    return JSONResponse(error.envelope(secrets.token_urlsafe(12)), error.status, closed)
