"""A tenant whose people say STOP, or are withdrawn, in the middle of their messages; half of them begin again."""

import asyncio
from typing import NamedTuple

from tests.chaos.load.cast import Member
from tests.chaos.load.client import Wish
from tests.chaos.load.pace import paced
from tests.chaos.load.people import START_WORDS, STOP_WORDS, Person

BEFORE, MEANWHILE, AFTER = 2, 2, 1  # messages of one story
MESSAGES = BEFORE + MEANWHILE + AFTER + 0.5  # and one more where the person begins again
META_SECONDS = 1.1  # Meta's times are whole seconds: in the same second the stop would win
AGAIN_SECONDS = (META_SECONDS, 6.0)


class Story(NamedTuple):
    """What happens to one person."""

    number: int
    is_by_word: bool
    begins_again: bool
    word: str
    start_word: str
    after_seconds: float
    again_after_seconds: float


async def stop_people(member: Member, stop: asyncio.Event) -> None:
    """Until `stop`; every story has a new person."""
    async with asyncio.TaskGroup() as group:
        async for number in paced(member.per_second / MESSAGES, stop):
            group.create_task(_tell(member, _story(member, number)))


def _story(member: Member, number: int) -> Story:
    chance = member.chance
    return Story(
        number=number,
        is_by_word=chance.random() < 0.5,
        begins_again=chance.random() < 0.5,
        word=chance.choice(STOP_WORDS),
        start_word=chance.choice(START_WORDS),
        after_seconds=chance.uniform(0.0, 1.5),
        again_after_seconds=chance.uniform(*AGAIN_SECONDS),
    )


async def _tell(member: Member, story: Story) -> None:
    person = await member.people.meet(member.numbers[0], member.chance)
    if not await member.people.consent(person):
        return
    await _send(member, person, story, 0, BEFORE)
    await asyncio.sleep(story.after_seconds)
    _, is_stopped = await asyncio.gather(_send(member, person, story, BEFORE, MEANWHILE), _stop(member, person, story))
    await _send(member, person, story, BEFORE + MEANWHILE, AFTER)
    # Whoever was never told that the withdrawal stands does not ask for a consent on top of it.
    if story.begins_again and is_stopped:
        await asyncio.sleep(story.again_after_seconds)
        await _begin_again(member, person, story)
        await _send(member, person, story, BEFORE + MEANWHILE + AFTER, 1)


async def _stop(member: Member, person: Person, story: Story) -> bool:
    if not story.is_by_word:
        return await member.people.withdraw(person)
    await member.people.write(person, story.word)
    return True


async def _begin_again(member: Member, person: Person, story: Story) -> None:
    if story.is_by_word:
        await member.people.write(person, story.start_word)
    else:
        await member.people.consent(person)


async def _send(member: Member, person: Person, story: Story, first: int, count: int) -> None:
    for number in range(first, first + count):
        key = f"{member.part.name}-{story.number}-{number}"
        wish = Wish(
            to=person.phone,
            number=person.number,
            form="template",
            text=f"Заказ {story.number}",
            key=key,
            is_silent=person.oddity.is_silent,
        )
        await member.client.send(wish)
