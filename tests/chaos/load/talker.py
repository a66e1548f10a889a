"""A tenant that people write to, and that answers each with up to three messages in a row."""

import asyncio
from collections import deque
from typing import NamedTuple

from tests.chaos.load.book import Book, Said
from tests.chaos.load.cast import Member
from tests.chaos.load.client import Wish
from tests.chaos.load.pace import paced
from tests.chaos.load.people import Person

IN_A_ROW_MAX = 3
IN_A_ROW_MEAN = (1 + IN_A_ROW_MAX) / 2
HEARD_SECONDS = 30.0
HASTY_SHARE = 0.2


class Talk(NamedTuple):
    """One conversation: what the person writes, and which of the answers a client with little patience posts."""

    number: int
    hasty: list[bool]

    @property
    def text(self) -> str:
        return f"Вопрос {self.number}: вы открыты?"


async def talk(member: Member, book: Book, stop: asyncio.Event) -> None:
    """Until `stop`; nobody has two conversations at once, and who is busy does not write."""
    free, chance = deque(member.persons), member.chance
    async with asyncio.TaskGroup() as group:
        async for number in paced(member.per_second / IN_A_ROW_MEAN, stop):
            hasty = [chance.random() < HASTY_SHARE for _ in range(chance.randint(1, IN_A_ROW_MAX))]
            if free:
                group.create_task(_converse(member, book, free, Talk(number, hasty)))


async def _converse(member: Member, book: Book, free: deque[Person], talk: Talk) -> None:
    person = free.popleft()
    await member.people.write(person, talk.text)
    if await book.hears(Said.by(person.phone, talk.text), seconds=HEARD_SECONDS):
        for part, is_hasty in enumerate(talk.hasty):
            if await _answer(member, person, f"{talk.number}-{part}", is_hasty=is_hasty) is None:
                break
    free.append(person)


async def _answer(member: Member, person: Person, name: str, *, is_hasty: bool) -> str | None:
    """The next one follows only where this one was answered: the order is the tenant's wish."""
    person.order += 1
    wish = Wish(
        to=person.phone,
        number=person.number,
        form="text",
        text=f"Ответ {name}",
        key=f"{member.part.name}-{name}",
        lane_order=person.order,
        is_hasty=is_hasty,
        is_silent=person.oddity.is_silent,
    )
    return await member.client.send(wish)
