"""What may be learnt from a text: billing-consent-keys 2.4, C1 to C4, and words of our own."""

import pytest

from services.kernel.contracts.inbound import Signal
from services.webhook.signals import service as signals

EVERYBODY = signals.vocabulary((), ())


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", "stop", " Stop ", "STOPALL", "Stop  All", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"),  # C1
        *("REVOKE", "OPTOUT", "opt-out", "Opt Out", "opt—out"),  # C3
        *("СТОП", "стоп", "ОТПИСАТЬСЯ", "стоп.", "Отписка", "отпишите меня!"),  # C4
        *(
            "«Стоп»",
            "(stop)",
            "стоп...",
            "🛑 СТОП 🛑",
            "СТОП\u200b",
            "\u2068stop\u2069",
            "ＳＴＯＰ",
            "сто\u0301п"[:2] + "оп",
        ),
        *("не  пишите\nмне", "Больше не пишите."),
    ],
)
def test_a_stop_word_that_is_the_whole_message_is_a_stop(text: str) -> None:
    assert signals.of_text(text, EVERYBODY) == ("stop",)


@pytest.mark.parametrize(
    "text",
    [
        *("STOP PLEASE", "PLEASE CANCEL", "don't stop", "non-stop", "st op", "stopp"),  # C2
        *("не останавливайтесь, стоп не нужен", "автостоп", "Отписаться можно?", "когда конец", "да", "yes", ""),
        *("...", "\u200b", "🛑", "stop " * 100),
    ],
)
def test_anything_more_or_less_is_no_stop(text: str) -> None:
    assert signals.of_text(text, EVERYBODY) == ()


@pytest.mark.parametrize("text", ["START", "unstop", "Старт!", "ПОДПИСАТЬСЯ", " подписаться. "])
def test_a_start_word_that_is_the_whole_message_is_a_start(text: str) -> None:
    assert signals.of_text(text, EVERYBODY) == ("start",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Это спам", ("complaint",)),
        ("хватит спамить!", ("complaint",)),
        ("Буду жаловаться в ФАС, жалобу уже пишу", ("complaint",)),
        ("This is SPAM, I will complain", ("complaint",)),
        ("Жалюзи ещё есть?", ()),
        ("Где мой заказ?", ()),
    ],
)
def test_words_of_complaint_may_stand_anywhere(text: str, expected: tuple[Signal, ...]) -> None:
    assert signals.of_text(text, EVERYBODY) == expected


def test_a_tenants_own_words_count_beside_everybodys() -> None:
    words = signals.vocabulary(("Ещё не время", "  "), ("Поехали",))
    assert signals.of_text("еще не ВРЕМЯ!", words) == ("stop",)
    assert signals.of_text("поехали", words) == ("start",)
    assert signals.of_text("стоп", words) == ("stop",)
    assert signals.of_text("", words) == ()
    assert signals.of_text("поехали", EVERYBODY) == ()


def test_a_word_on_both_lists_stops() -> None:
    assert signals.of_text("пауза", signals.vocabulary(("пауза",), ("пауза",))) == ("stop",)


def test_a_button_that_cancels_something_else_is_no_stop() -> None:
    assert signals.of_button("Cancel", EVERYBODY) == ()
    assert signals.of_button("End", EVERYBODY) == ()
    assert signals.of_button("Отписаться", EVERYBODY) == ("stop",)
    assert signals.of_button("Unsubscribe", EVERYBODY) == ("stop",)
    assert signals.of_button("Cancel", signals.vocabulary(("cancel",), ())) == ("stop",)


def test_the_title_of_a_button_is_never_a_complaint_of_the_person() -> None:
    assert signals.of_button("Это спам", EVERYBODY) == ()
