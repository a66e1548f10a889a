"""A tenant that sends templates, with clients that lose patience and keys that are used again on purpose."""

import asyncio
import itertools

from tests.chaos.load.cast import Member
from tests.chaos.load.client import Wish
from tests.chaos.load.pace import paced

HASTY_SHARE = 0.3  # of the clients wait for a second only, and post again
TWICE_SHARE = 0.05  # of the messages are posted by two clients at once under one key
LATER_SHARE = 0.05  # are posted again though they were answered
LATER_SECONDS = 2.0
KEYLESS_SHARE = 0.2  # have no key and are never repeated; not at the largest tenant, whose keys are the point


async def mail(member: Member, stop: asyncio.Event) -> None:
    """Until `stop`; returns when every message was answered or given up."""
    people = itertools.cycle(member.persons)
    async with asyncio.TaskGroup() as group:
        async for number in paced(member.per_second, stop):
            person, chance = next(people), member.chance
            is_keyless = member.part.name != "big" and chance.random() < KEYLESS_SHARE
            wish = Wish(
                to=person.phone,
                number=person.number,
                form="template",
                text=f"Анна {number}",
                key=None if is_keyless else f"{member.part.name}-{number}",
                is_hasty=chance.random() < HASTY_SHARE,
                is_silent=person.oddity.is_silent,
            )
            group.create_task(_send(member, wish, draw=chance.random()))


async def _send(member: Member, wish: Wish, *, draw: float) -> None:
    if wish.key is not None and draw < TWICE_SHARE:
        await asyncio.gather(member.client.send(wish), member.client.send(wish))
    else:
        await member.client.send(wish)
        if wish.key is not None and draw > 1 - LATER_SHARE:
            await asyncio.sleep(LATER_SECONDS)
            await member.client.send(wish)
