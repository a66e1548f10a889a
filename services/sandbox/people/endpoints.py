"""`/_sandbox/people`: makes a person write, and shows what they got."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.sandbox.identity import digits
from services.sandbox.people.schemas import Answered, Burst, Forgery, PersonView, Told, Writing, Written

router = APIRouter(prefix="/_sandbox")

Phone = Annotated[str, Path(pattern=r"^[0-9 +()-]{3,24}$")]


@router.post("/people/{phone}/messages")
async def write(request: Request, phone: Phone, writing: Writing) -> Written:
    """The person writes; answered when the message is on the disk and on its way to the webhook."""
    return Written(id=await request.app.state.world.pen.write(digits(phone), writing))


@router.get("/people/{phone}")
async def show(request: Request, phone: Phone) -> PersonView:
    """The last 50 calls with their times, the most calls at once, and the inbox."""
    view: PersonView = request.app.state.world.people.show(digits(phone))
    return view


@router.post("/webhooks:burst")
async def burst(request: Request, burst: Burst) -> Told:
    """Up to 1,000 messages in one POST; tried once."""
    told: Told = await request.app.state.world.pen.burst(burst)
    return told


@router.post("/webhooks:forge")
async def forge(request: Request, forgery: Forgery) -> Answered:
    """A POST whose signature is not right; tried once."""
    answered: Answered = await request.app.state.world.pen.forge(forgery)
    return answered
