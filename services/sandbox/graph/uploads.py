"""Media at Meta's door: upload, look up, download, delete (`whatsapp-cloud-api.md`, 2.3)."""

from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive

from services.kernel.errors import TooLarge
from services.sandbox.graph.routing import SUCCESS, route, token
from services.sandbox.media.service import UPLOAD_MAX_BYTES, Medium
from services.sandbox.refusals import GraphError, no_such_object
from services.sandbox.world import World

ENVELOPE_MAX_BYTES = 64 * 1024  # of a multipart body beside its file


async def upload(world: World, request: Request) -> Any:
    """`POST /{number}/media`; the parts come in any order."""
    number = request.path_params["number"]
    limited = Request(request.scope, _limited(request.receive), request._send)
    try:
        async with limited.form(max_files=1, max_fields=5) as form:
            if form.get("messaging_product") != "whatsapp":
                raise GraphError(100, "The parameter messaging_product is required and must be whatsapp.")
            file, kind = form.get("file"), form.get("type")
            if not isinstance(file, UploadFile):
                raise GraphError(100, "The parameter file is required.")
            mime_type = kind if isinstance(kind, str) and "/" in kind else file.content_type or ""
            medium = await world.library.upload(number, mime_type, file.file, filename=file.filename)
    except TooLarge as error:
        raise GraphError(131053, error.message) from error
    except (MultiPartException, HTTPException) as error:
        raise GraphError(100, "Invalid parameter: the body is not a valid multipart form with one file.") from error
    return {"id": medium.id}


def look(world: World, request: Request) -> Any:
    """`GET /{media}`: where the bytes are for five minutes."""
    medium = _medium(world, request, "get")
    return {
        "messaging_product": "whatsapp",
        "url": world.library.url(medium),
        "mime_type": medium.mime_type,
        "sha256": medium.sha256,
        "file_size": str(medium.size),
        "id": medium.id,
    }


async def delete(world: World, request: Request) -> Any:
    world.library.remove(_medium(world, request, "delete").id)
    return SUCCESS


async def download(request: Request) -> Response:
    """The address that `look` gave; 404 once it is old, like Meta's."""
    query, world = request.query_params, request.app.state.world
    if not token(request):
        return Response(status_code=401)
    medium = world.library.by_url(mid=query.get("mid", ""), ext=query.get("ext", ""), hash_=query.get("hash", ""))
    if medium is None:
        return Response(status_code=404)
    return FileResponse(world.library.path(medium), media_type=medium.mime_type, filename=medium.filename)


def _medium(world: World, request: Request, method: str) -> Medium:
    node = request.path_params["node"]
    medium = world.library.find(node)
    if medium is None or request.query_params.get("phone_number_id", medium.phone_number_id) != medium.phone_number_id:
        raise no_such_object(node, method)
    return medium


def _limited(receive: Receive) -> Receive:
    """Ends a body that is larger than any file may be."""
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > UPLOAD_MAX_BYTES + ENVELOPE_MAX_BYTES:
            raise TooLarge(f"A file has at most {UPLOAD_MAX_BYTES} bytes.")
        return message

    return limited


routes = [
    route("/{number:graph_node}/media", upload, "POST"),
    route("/{node:graph_node}", delete, "DELETE"),
    Route("/whatsapp_business/attachments/", download, methods=["GET"]),
]
