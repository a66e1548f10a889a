"""`/_sandbox/numbers`: tells the sandbox what exists."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.sandbox.numbers.schemas import Number

router = APIRouter(prefix="/_sandbox/numbers")

NumberId = Annotated[str, Path(pattern=r"^\d{1,20}$")]


@router.put("/{phone_number_id}", response_model_exclude_defaults=True)
async def put_number(request: Request, phone_number_id: NumberId, number: Number) -> Number:
    """From now on this number's webhooks name this account, and its sends keep to its limits."""
    request.app.state.world.numbers.put_number(phone_number_id, number)
    return number


@router.get("/{phone_number_id}", response_model_exclude_defaults=True)
async def get_number(request: Request, phone_number_id: NumberId) -> Number:
    number: Number = request.app.state.world.numbers.number(phone_number_id)
    return number
