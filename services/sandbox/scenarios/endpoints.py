"""`/_sandbox/scenarios`: sets, shows and resets what happens to sends."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from services.sandbox.identity import digits
from services.sandbox.scenarios.schemas import Scenario

router = APIRouter(prefix="/_sandbox/scenarios")

Key = Annotated[str, Path(pattern=r"^(\*|[0-9 +()-]{3,24})$")]


def _key(key: str) -> str:
    return key if key == "*" else digits(key)


@router.put("/{key}")
async def put_scenario(request: Request, key: Key, scenario: Scenario) -> Scenario:
    """Holds from the next send on, for one phone number or for `*`."""
    request.app.state.world.scenarios.put(_key(key), scenario)
    return scenario


@router.get("/{key}", response_model=None)
async def get_scenario(request: Request, key: Key) -> Scenario | JSONResponse:
    scenario: Scenario | None = request.app.state.world.scenarios.get(_key(key))
    return scenario or JSONResponse({"error": "no scenario is set for this phone number"}, status_code=404)


@router.get("")
async def list_scenarios(request: Request) -> dict[str, Scenario]:
    scenarios: dict[str, Scenario] = request.app.state.world.scenarios.all()
    return scenarios


@router.delete("/{key}", status_code=204)
async def delete_scenario(request: Request, key: Key) -> Response:
    """For `*` too this forgets one entry; `DELETE /_sandbox/scenarios` forgets all."""
    request.app.state.world.scenarios.forget(_key(key))
    return Response(status_code=204)


@router.delete("", status_code=204)
async def delete_scenarios(request: Request) -> Response:
    request.app.state.world.scenarios.forget_all()
    return Response(status_code=204)
