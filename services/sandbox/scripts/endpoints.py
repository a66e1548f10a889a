"""`/_sandbox/people/{phone}/script`: what a person does by themselves."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from services.sandbox.identity import digits
from services.sandbox.scripts.schemas import Script

router = APIRouter(prefix="/_sandbox/people")

Phone = Annotated[str, Path(pattern=r"^[0-9 +()-]{3,24}$")]


@router.put("/{phone}/script")
async def put_script(request: Request, phone: Phone, script: Script) -> Script:
    """Holds for the messages from now on; `begin` starts at once."""
    request.app.state.world.scripts.put(digits(phone), script)
    return script


@router.get("/{phone}/script", response_model=None)
async def get_script(request: Request, phone: Phone) -> Script | JSONResponse:
    """The person's own script, or that of a magic number."""
    script: Script | None = request.app.state.world.scripts.of(digits(phone))
    return script or JSONResponse({"error": "this person has no script"}, status_code=404)


@router.delete("/{phone}/script", status_code=204)
async def delete_script(request: Request, phone: Phone) -> Response:
    request.app.state.world.scripts.forget(digits(phone))
    return Response(status_code=204)
