"""`GET /openapi.json` and the page `GET /docs`: for everybody, without a key."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.gateway.openapi import service

CACHE_SECONDS = 300  # a new build is seen soon; the ETag makes asking again cheap
# The page loads two files of ours and nothing else; it sends nothing anywhere and cannot be framed.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": f"public, max-age={CACHE_SECONDS}",
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FILES = {
    "/openapi.json": "document.json",
    "/docs": "page.html",
    "/docs/page.css": "page.css",
    "/docs/page.js": "page.js",
}

router = APIRouter(include_in_schema=False)


async def get_file(request: Request) -> Response:
    file = service.file(FILES[request.url.path])
    headers = {**HEADERS, "ETag": file.etag}
    if service.is_known(request.headers.get("if-none-match"), file.etag):
        return Response(None, 304, headers)
    return Response(file.body, 200, headers, file.media_type)


for _path in FILES:
    router.add_api_route(_path, get_file, methods=["GET"])
