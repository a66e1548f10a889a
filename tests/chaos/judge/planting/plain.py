"""A short history in which every promise is kept: the ground in which violations are planted."""

from tests.chaos.judge.planting.tale import BAKERY, SHOP, Tale

ANNA, BORIS, VERA = SHOP.person("+79990000001"), SHOP.person("+79990000002"), SHOP.person("+79990000003")
DIMA = BAKERY.person("+79990000004")
FREE = "0.00"


def plain() -> Tale:
    tale = Tale()
    _anna(tale)
    _boris(tale)
    _vera(tale)
    _dima(tale)
    return tale


def _anna(tale: Tale) -> None:
    """A template; another tenant asks for it and learns nothing."""
    tale.accept(1.0, ANNA, "anna-1")
    tale.arrive(2.0, ANNA, "anna-1")
    asked = {"kind": "message", "tenant": "shop", "id": "anna-1", "asked_as": "bakery", "status": 404, "body": {}}
    tale.answers.append(asked)


def _boris(tale: Tale) -> None:
    """He writes, and is answered twice in a row, free of charge."""
    tale.write(3.0, BORIS, "Вы открыты?")
    tale.hear(3.5, BORIS, "Вы открыты?")
    for number in (1, 2):
        tale.accept(3.5 + 0.4 * number, BORIS, f"boris-{number}", form="text")
        tale.arrive(4.0 + number, BORIS, f"boris-{number}", form="text", price=FREE)


def _vera(tale: Tale) -> None:
    """She says STOP and START; Vestnik confirms both by itself, later than a second; in between nothing goes out."""
    tale.consent(0.5, VERA)
    tale.write(10.0, VERA, "СТОП", is_stop=True)
    tale.hear(10.5, VERA, "СТОП")
    tale.arrive(12.0, VERA, "vera-stopped", form="text", price=FREE)
    tale.accept(13.0, VERA, "vera-1")
    tale.tell(13.5, VERA, "vera-1", "failed", error="withdrawn")
    tale.end(VERA, "vera-1", "failed", price=None, money="closed")
    tale.write(20.0, VERA, "СТАРТ")
    tale.hear(20.5, VERA, "СТАРТ")
    tale.arrive(21.0, VERA, "vera-started", form="text", price=FREE)
    tale.accept(22.0, VERA, "vera-2")
    tale.arrive(22.5, VERA, "vera-2")


def _dima(tale: Tale) -> None:
    """His tenant's endpoint fails at first."""
    tale.accept(30.0, DIMA, "dima-1")
    tale.arrive(31.0, DIMA, "dima-1")
    first = dict(tale.callbacks[-3])
    tale.callbacks.append({**first, "at": 31.1, "answered": 500})
    tale.callbacks.append({**first, "at": 31.2, "answered": None})
