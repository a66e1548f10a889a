"""`/_sandbox/numbers` and `/_sandbox/templates`: tells the sandbox what exists."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.sandbox.numbers.schemas import Number, Template

router = APIRouter(prefix="/_sandbox")

NumberId = Annotated[str, Path(pattern=r"^\d{1,20}$")]
TemplateName = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,512}$")]


@router.put("/numbers/{phone_number_id}")
async def put_number(request: Request, phone_number_id: NumberId, number: Number) -> Number:
    """From now on this number's webhooks name this account."""
    request.app.state.world.numbers.put_number(phone_number_id, number)
    return number


@router.get("/numbers/{phone_number_id}")
async def get_number(request: Request, phone_number_id: NumberId) -> Number:
    number: Number = request.app.state.world.numbers.number(phone_number_id)
    return number


@router.put("/templates/{name}")
async def put_template(request: Request, name: TemplateName, template: Template) -> Template:
    """From now on this template is checked and priced as told; unknown ones pass as utility."""
    request.app.state.world.numbers.put_template(name, template)
    return template
