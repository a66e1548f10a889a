"""Derives the signals stop, start and complaint from a text, so that the text itself need not travel.

A stop or start word must be the whole message (billing-consent-keys 2.4, C1-C4); a complaint may stand anywhere.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from services.kernel.contracts.inbound import Signal

#: Words that end consent whoever says them and however: typed or as the title of a button.
STOP_WORDS = frozenset(
    """stop|stopall|stop all|unsubscribe|revoke|optout|opt out|opt-out|remove me
    |стоп|стоп рассылка|отписаться|отписка|отписать|отписать меня|отпишите|отпишите меня|отпиши|отпиши меня|отписываюсь
    |отказ от рассылки|отказаться от рассылки|отключить рассылку|прекратить рассылку|прекратите рассылку
    |не пишите|не пишите мне|не пишите мне больше|больше не пишите|больше не пишите мне|не присылайте|не беспокоить
    |отозвать согласие|отзываю согласие""".replace("\n    ", "").split("|")
)
#: Words that end consent only when typed: as a button's title they more often cancel an appointment.
TYPED_STOP_WORDS = STOP_WORDS | {"cancel", "end", "quit"}
START_WORDS = frozenset({"start", "unstop", "старт", "подписаться", "подписка", "возобновить рассылку"})
#: Beginnings of words, for Russian inflects.
COMPLAINT_STEMS = (
    *("спам", "жалоб", "жалуюсь", "жаловаться", "пожалуюсь", "пожалуемся", "мошенни", "роскомнадзор", "прокуратур"),
    *("spam", "scam", "complain"),
)

PHRASE_LENGTH_MAX = 200  # characters; a longer message is not a keyword, and a tenant's word never needs more
WORD = re.compile(r"\w+")
EDGE_CATEGORIES = frozenset("PSZCM")  # punctuation, symbols, separators, control and format characters, lone marks
ONE_LETTER = str.maketrans({"ё": "е", "‐": "-", "–": "-", "—": "-"})


class Vocabulary(NamedTuple):
    """A tenant's words together with everybody's, folded."""

    typed_stop: frozenset[str]
    button_stop: frozenset[str]
    start: frozenset[str]


@lru_cache(maxsize=10_000)
def vocabulary(stop_words: tuple[str, ...], start_words: tuple[str, ...]) -> Vocabulary:
    """The built-in words and the tenant's own; a word that the tenant lists under both stops."""
    own_stop = frozenset(map(fold, stop_words)) - {""}
    own_start = frozenset(map(fold, start_words)) - {""}
    return Vocabulary(TYPED_STOP_WORDS | own_stop, STOP_WORDS | own_stop, START_WORDS | own_start)


def of_text(text: str, words: Vocabulary) -> tuple[Signal, ...]:
    """The signals of a text that a person typed."""
    return _keywords(text, words.typed_stop, words.start) + _complaints(text)


def of_button(title: str, words: Vocabulary) -> tuple[Signal, ...]:
    """The signals of a button or list row that a person tapped: its title was written by the tenant."""
    return _keywords(title, words.button_stop, words.start)


def fold(text: str) -> str:
    """The text without what people vary: compatibility forms, case, ё, spaces, and punctuation at the edges."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(ONE_LETTER)
    first, last = 0, len(folded)
    while first < last and _is_edge(folded[first]):
        first += 1
    while last > first and _is_edge(folded[last - 1]):
        last -= 1
    return " ".join(folded[first:last].split())


def _is_edge(character: str) -> bool:
    return unicodedata.category(character)[0] in EDGE_CATEGORIES


def _keywords(text: str, stop: frozenset[str], start: frozenset[str]) -> tuple[Signal, ...]:
    if len(text) > PHRASE_LENGTH_MAX:
        return ()
    phrase = fold(text)
    if phrase in stop:
        return ("stop",)
    return ("start",) if phrase in start else ()


def _complaints(text: str) -> tuple[Signal, ...]:
    folded = unicodedata.normalize("NFKC", text).casefold().translate(ONE_LETTER)
    return ("complaint",) if any(word.startswith(COMPLAINT_STEMS) for word in WORD.findall(folded)) else ()
