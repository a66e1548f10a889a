"""Sends that should not be, or that lead nowhere."""

from tests.chaos.judge.planting.finding import FEDOR, KIRA, answer_of, sends_of, told_of
from tests.chaos.judge.planting.plain import ANNA, BORIS, DIMA, FREE, VERA
from tests.chaos.judge.planting.tale import ORDINARY, Tale


def lost(tale: Tale) -> None:
    tale.accept(41.0, FEDOR, "fedor-1")
    tale.end(FEDOR, "fedor-1", "accepted", price=None, money="closed")
    tale.answers[-1] |= {"status": 404, "body": {}}


def stuck(tale: Tale) -> None:
    tale.accept(41.0, FEDOR, "fedor-1")
    tale.send(42.0, FEDOR, "fedor-1", outcome="dropped", statuses=[])
    tale.end(FEDOR, "fedor-1", "unknown", money="reserved")


def stuck_at_sent(tale: Tale) -> None:
    """Meta reports the delivery; the tenant cannot be told, and the API does not know."""
    tale.accept(41.0, KIRA, "kira-1")
    tale.send(42.0, KIRA, "kira-1")
    tale.end(KIRA, "kira-1", "sent", money="reserved")


def sent_twice(tale: Tale) -> None:
    tale.send(7.0, ANNA, "anna-1")


def one_key_two_messages(tale: Tale) -> None:
    tale.answer(2.5, tale.post(2.4, ANNA, key="key-anna-1"), 200, "anna-2")
    tale.arrive(3.0, ANNA, "anna-2")


def sent_unasked(tale: Tale) -> None:
    tale.arrive(41.0, ANNA, "nobodys")


def sent_after_a_refusal(tale: Tale) -> None:
    """The client was told that it was not taken."""
    tale.answer(41.1, tale.post(41.0, ANNA, key="bad"), 400)
    tale.arrive(42.0, ANNA, "refused-one")


def sent_before_it_was_asked(tale: Tale) -> None:
    tale.arrive(41.0, FEDOR, "early")
    tale.give_up(44.0, tale.post(43.0, FEDOR, key=None))


def sent_in_another_form(tale: Tale) -> None:
    tale.give_up(42.0, tale.post(41.0, FEDOR, key=None, form="text"))
    tale.arrive(43.0, FEDOR, "another-form")


def sent_beside_the_answered_one(tale: Tale) -> None:
    """The first try was not answered, the second one was: both are one message."""
    tale.give_up(0.9, tale.post(0.8, ANNA, key="key-anna-1"))
    tale.arrive(41.0, ANNA, "anna-0")


def sent_to_another(tale: Tale) -> None:
    sends_of(tale, "anna-1")[0]["to"] = BORIS.phone


def sent_without_id(tale: Tale) -> None:
    tale.send(41.0, FEDOR, "")
    tale.sends[-1]["biz_opaque_callback_data"] = None


def confirmed_twice(tale: Tale) -> None:
    tale.arrive(23.0, VERA, "vera-started-again", form="text", price=FREE)


def sent_after_stop(tale: Tale) -> None:
    tale.accept(9.0, VERA, "vera-0")
    tale.arrive(11.6, VERA, "vera-0")


def sent_after_withdrawal(tale: Tale) -> None:
    """A reply too: the person has not written since."""
    tale.consent(41.0, BORIS, "withdrawn")
    tale.accept(41.5, BORIS, "boris-3", form="text")
    tale.arrive(42.1, BORIS, "boris-3", form="text", price=FREE)


def sent_after_stop_frozen(tale: Tale) -> None:
    sent_after_stop(tale)
    row = {"number": 7, "name": "freeze gateway-worker 2.0 s", "kind": "freeze", "target": "gateway-worker"}
    tale.faults.append({**row, "from": 9.5, "to": 11.5, "between": 3, "counts": True, "froze_meta": True})


def sent_after_stop_slowly(tale: Tale) -> None:
    """On a link to Meta that was slow until after the stop."""
    long_on_its_way(tale)
    row = {"number": 8, "name": "latency 1.50 s gateway-meta 5.0 s", "kind": "link", "target": "gateway-meta"}
    tale.faults.append({**row, "from": 6.0, "to": 11.0, "between": 3, "counts": True, "froze_meta": True})


def sent_amid_restarts(tale: Tale) -> None:
    """Nobody stood still by a fault, however slow everything was."""
    long_on_its_way(tale)
    row = {"number": 9, "name": "rolling_restart services", "kind": "rolling_restart", "target": "services"}
    tale.faults.append({**row, "from": 6.0, "to": 30.0, "between": 3, "counts": True, "froze_meta": False})


def left_in_time(tale: Tale) -> None:
    """Its bytes left within the second, and Meta noted them later."""
    long_on_its_way(tale)
    tale.wire.append({"at": 11.45, "id": "vera-0"})


def left_too_late(tale: Tale) -> None:
    """So did those of its first call, which broke off: the second one is what Meta got."""
    left_in_time(tale)
    tale.wire.append({"at": 11.55, "id": "vera-0"})


def long_on_its_way(tale: Tale) -> None:
    """The call began before the stop, and nothing that is known held it up."""
    sent_after_stop(tale)
    _begin(tale, "vera-0", like="anna-1")


def refused_before_the_stop(tale: Tale) -> None:
    """Its second call began after the stop."""
    tale.send(9.3, VERA, "vera-0", outcome="refused")
    long_on_its_way(tale)


def _begin(tale: Tale, message_id: str, *, like: str) -> None:
    answer_of(tale, message_id)["events"] = answer_of(tale, like)["events"]


def from_anothers_number(tale: Tale) -> None:
    sends_of(tale, "anna-1")[0]["phone_number_id"] = DIMA.number


def disorder(tale: Tale) -> None:
    """The second one goes out first."""
    answers = [answer_of(tale, f"boris-{number}") for number in (1, 2)]
    answers[0]["events"], answers[1]["events"] = answers[1]["events"], answers[0]["events"]
    for number, later in ((1, 1.0), (2, -1.0)):
        sends_of(tale, f"boris-{number}")[0]["at"] += later
        for status in ORDINARY:
            told_of(tale, f"boris-{number}", status)["at"] += later
