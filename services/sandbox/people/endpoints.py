"""`/_sandbox/people`: makes a person write, and shows what they got."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.sandbox.identity import digits
from services.sandbox.people.schemas import PersonView, Writing, Written

router = APIRouter(prefix="/_sandbox/people")

Phone = Annotated[str, Path(pattern=r"^[0-9 +()-]{3,24}$")]


@router.post("/{phone}/messages")
async def write(request: Request, phone: Phone, writing: Writing) -> Written:
    """The person writes; answered when the message is on the disk and on its way to the webhook."""
    world = request.app.state.world
    number = writing.phone_number_id
    wamid = await world.people.write(world.webhooks, phone=digits(phone), text=writing.text, phone_number_id=number)
    return Written(id=wamid)


@router.get("/{phone}")
async def show(request: Request, phone: Phone) -> PersonView:
    """The last 50 calls with their times, the most calls at once, and the inbox."""
    view: PersonView = request.app.state.world.people.show(digits(phone))
    return view
