"""`/_sandbox/phones`: one page without outside calls, and what it asks for every second."""

from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response

from services.kernel.errors import NotFound
from services.sandbox.identity import digits
from services.sandbox.phones.schemas import PhonesView, PhoneView

router = APIRouter(prefix="/_sandbox/phones")

Phone = Annotated[str, Path(pattern=r"^\+?[0-9]{3,24}$")]
FOLDER = File(__file__).parent / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
SHOWN_AS_THEY_ARE = ("image/", "audio/", "video/")


def _file(name: str, media_type: str) -> FileResponse:
    return FileResponse(FOLDER / name, media_type=media_type, headers=HEADERS)


@router.get("")
async def index() -> FileResponse:
    return _file("phones.html", "text/html; charset=utf-8")


@router.get("/page/phones.css")
async def style() -> FileResponse:
    return _file("phones.css", "text/css; charset=utf-8")


@router.get("/page/phones.js")
async def script() -> FileResponse:
    return _file("phones.js", "text/javascript; charset=utf-8")


@router.get("/page/words.js")
async def words() -> FileResponse:
    return _file("words.js", "text/javascript; charset=utf-8")


@router.get("/page/icon.svg")
async def icon() -> FileResponse:
    return _file("icon.svg", "image/svg+xml")


@router.get("/data")
async def people(request: Request) -> PhonesView:
    """The people heard of last, newest first."""
    view: PhonesView = request.app.state.world.phones.index()
    return view


@router.get("/media/{media_id}")
async def media(request: Request, media_id: Annotated[str, Path(pattern=r"^\d{1,20}$")]) -> Response:
    """The bytes behind a bubble; what is no picture, sound or film is downloaded and not shown."""
    library = request.app.state.world.library
    medium = library.find(media_id)
    if medium is None:
        raise NotFound("there is no such file, or it has expired")
    is_shown = medium.mime_type.startswith(SHOWN_AS_THEY_ARE)
    kind = medium.mime_type if is_shown else "application/octet-stream"
    headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return FileResponse(library.path(medium), media_type=kind, headers=headers, filename=None if is_shown else "file")


@router.get("/{phone}")
async def phone_page(phone: Phone) -> FileResponse:
    return _file("phones.html", "text/html; charset=utf-8")


@router.get("/{phone}/data")
async def conversations(request: Request, phone: Phone) -> PhoneView:
    """Every conversation of this phone, newest first."""
    view: PhoneView = request.app.state.world.phones.show(digits(phone))
    return view
