"""Who takes part in the load: tenants, their numbers and people, and who sends what to whom."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

SEED = 7
TENANTS = 20
LARGE_NUMBERS, SMALL_NUMBERS = 4, 2  # 4 + 19 x 2 = 42 numbers
LARGE_PER_SECOND, SMALL_PER_SECOND = 1_000, 80  # Meta's raised and ordinary throughput of a number
LARGE_SHARE = 0.5
PERSONS = 100_000
# Free-form answers inside open windows take another way through consent (window, not consent), billing (free) and the
# queue (express lane) than templates do. One in five keeps that way warm; notifications stay the bulk, as in the field.
REPLY_SHARE = 0.2
# A pair may get a message every 6 s after a burst: enough people to answer that no conversation becomes the limit.
PEOPLE_TO_ANSWER_SECONDS, PEOPLE_TO_ANSWER_MIN = 4, 500

TEMPLATE, LANGUAGE = "order_ready", "ru"
TEMPLATE_TEXT = "Здравствуйте, {{1}}! Ваш заказ готов и ждёт вас."
REPLY = "Добрый день! Да, мы работаем сегодня до 21:00, вход со двора. Если не успеваете, отложим заказ до завтра."


@dataclass(frozen=True, slots=True)
class Shop:
    """One tenant: its number ids, its people from `first_person` on, and how many of the first of them wrote to it."""

    name: str
    share: float
    numbers: tuple[str, ...]
    per_second: int
    first_person: int
    persons: int
    wrote: int

    def people_who_wrote(self) -> Iterator[tuple[str, str]]:
        """(phone, number id): whom the tenant may answer, and from which number."""
        return ((phone(self.first_person + one), self.number_of(one)) for one in range(self.wrote))

    def number_of(self, person: int) -> str:
        """A person always talks to the same number of a tenant."""
        return self.numbers[person % len(self.numbers)]


@dataclass(frozen=True, slots=True)
class Intent:
    """One message that a tenant wants to send."""

    shop: int
    number: str
    phone: str
    is_reply: bool


def phone(person: int) -> str:
    """E.164 of a person: Russian mobile numbers of one prefix, up to ten million people."""
    return f"+7999{person:07d}"


def population(*, rate: float, persons: int = PERSONS, tenants: int = TENANTS) -> list[Shop]:
    """The tenants of a run: the first one has half of everything, the rest share the other half."""
    to_answer = max(PEOPLE_TO_ANSWER_MIN, int(PEOPLE_TO_ANSWER_SECONDS * rate))
    shares = [LARGE_SHARE, *[(1 - LARGE_SHARE) / (tenants - 1)] * (tenants - 1)]
    counts = [-int(-persons * share // 1) for share in shares]  # rounded up: never fewer than asked for
    firsts = [0, *accumulate(counts)]
    numbers = _numbers(tenants)
    return [
        Shop(
            name=f"Магазин № {one + 1}",
            share=share,
            numbers=numbers[one],
            per_second=SMALL_PER_SECOND if one else LARGE_PER_SECOND,
            first_person=firsts[one],
            persons=counts[one],
            wrote=min(counts[one], max(1, round(to_answer * share))),
        )
        for one, share in enumerate(shares)
    ]


def _numbers(tenants: int) -> list[tuple[str, ...]]:
    counts = [LARGE_NUMBERS, *[SMALL_NUMBERS] * (tenants - 1)]
    return [tuple(f"1{shop:07d}{number:07d}" for number in range(count)) for shop, count in enumerate(counts)]


def traffic(shops: list[Shop]) -> Iterator[Intent]:
    """Messages without end, the same ones in every run."""
    draw = random.Random(SEED)
    chosen, bounds = range(len(shops)), list(accumulate(shop.share for shop in shops))
    while True:
        index = draw.choices(chosen, cum_weights=bounds)[0]
        shop, is_reply = shops[index], draw.random() < REPLY_SHARE
        person = int(draw.random() * (shop.wrote if is_reply else shop.persons))
        yield Intent(index, shop.number_of(person), phone(shop.first_person + person), is_reply)
