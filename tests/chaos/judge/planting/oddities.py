"""What looks like a violation and is none: each is added to a history in which every promise is kept."""

from tests.chaos.judge.planting.plain import FREE
from tests.chaos.judge.planting.tale import BAKERY, KIOSK, ORDINARY, SHOP, Tale

GALINA, EGOR, ZOYA = SHOP.person("+79990000011"), SHOP.person("+79990000012"), BAKERY.person("+79990000013")
IGOR = KIOSK.person("+79990000014")


def repeated_post(tale: Tale) -> None:
    """One key: no answer, a conflict, a failing server, and twice a 200 with the same id."""
    tale.give_up(102.0, tale.post(101.0, EGOR, key="again"))
    for at, status in ((102.2, 409), (102.8, 503)):
        tale.answer(at + 0.1, tale.post(at, EGOR, key="again"), status)
    for at in (103.0, 103.05):
        tale.answer(at + 0.2, tale.post(at, EGOR, key="again"), 200, "egor-again")
    tale.arrive(104.0, EGOR, "egor-again")


def never_answered(tale: Tale) -> None:
    """A post without a key and without an answer was taken all the same; another one was not."""
    tale.give_up(111.0, tale.post(110.0, EGOR, key=None))
    tale.give_up(113.0, tale.post(112.0, EGOR, key=None))
    tale.arrive(114.0, EGOR, "egor-unheard")


def delivered_again(tale: Tale) -> None:
    """The same callback comes twice, the second time after later ones."""
    tale.accept(120.0, EGOR, "egor-twice")
    tale.arrive(121.0, EGOR, "egor-twice")
    tale.tell(124.0, EGOR, "egor-twice", "sent")
    tale.callbacks[-1]["value"] = tale.callbacks[-4]["value"]


def refused_first(tale: Tale) -> None:
    """Meta throttles, so the message goes out later, and behind the next one."""
    tale.accept(130.0, EGOR, "egor-throttled")
    tale.accept(130.5, EGOR, "egor-next")
    tale.send(131.0, EGOR, "egor-throttled", outcome="refused")
    tale.arrive(131.5, EGOR, "egor-next")
    tale.arrive(133.0, EGOR, "egor-throttled")


def failed_call(tale: Tale) -> None:
    """The first call broke off before its first byte, and its repeat fell behind."""
    tale.accept(140.5, EGOR, "egor-cut")
    tale.accept(141.5, EGOR, "egor-uncut")
    tale.arrive(144.0, EGOR, "egor-uncut")
    tale.arrive(145.0, EGOR, "egor-cut")
    events = tale.answers[-1]["body"]["events"]
    events[0]["at"] = tale.answers[-2]["body"]["events"][0]["at"]


def overlapping_posts(tale: Tale) -> None:
    """Two posts at once have no order; nor have a mailing and a reply."""
    first, second = tale.post(150.0, EGOR, key="one"), tale.post(150.1, EGOR, key="two")
    tale.answer(150.3, first, 200, "egor-one")
    tale.answer(150.3, second, 200, "egor-two")
    tale.accept(151.0, EGOR, "egor-reply", form="text")
    tale.arrive(152.0, EGOR, "egor-reply", form="text", price=FREE)
    tale.arrive(153.0, EGOR, "egor-two")
    tale.arrive(154.0, EGOR, "egor-one")


def late_evidence(tale: Tale) -> None:
    """The answer was lost, so it failed for want of news; then Meta reports after all, and it is charged."""
    tale.accept(160.0, EGOR, "egor-late")
    tale.tell(220.0, EGOR, "egor-late", "failed", error="unknown")
    tale.arrive(230.0, EGOR, "egor-late")
    tale.sends[-1] |= {"outcome": "dropped", "at": 161.0}


def failed_twice(tale: Tale) -> None:
    """It failed for want of news, and then because Meta says so: two facts."""
    tale.accept(165.0, EGOR, "egor-failed")
    tale.send(166.0, EGOR, "egor-failed", outcome="dropped", statuses=["failed"])
    tale.tell(226.0, EGOR, "egor-failed", "failed", error="unknown")
    tale.tell(229.0, EGOR, "egor-failed", "failed", error="Message undeliverable")
    tale.callbacks[-1]["value"]["statuses"][0]["errors"][0]["code"] = 131026
    tale.end(EGOR, "egor-failed", "failed", money="released")


def silent(tale: Tale) -> None:
    """Meta took them and says nothing: one stays sent and its price held, the other fails for want of news."""
    tale.accept(170.0, EGOR, "egor-silent")
    tale.send(171.0, EGOR, "egor-silent", statuses=[])
    tale.end(EGOR, "egor-silent", "sent", money="reserved")
    tale.accept(172.0, EGOR, "egor-dropped")
    tale.send(173.0, EGOR, "egor-dropped", outcome="dropped", statuses=[])
    tale.tell(233.0, EGOR, "egor-dropped", "failed", error="unknown")
    tale.end(EGOR, "egor-dropped", "failed", money="released")


def told_backwards(tale: Tale) -> None:
    """Meta reports in this order; or a fault made it repeat a report."""
    tale.accept(180.0, ZOYA, "zoya-backwards")
    tale.arrive(181.0, ZOYA, "zoya-backwards")
    tale.accept(182.0, ZOYA, "zoya-repeated")
    tale.arrive(183.0, ZOYA, "zoya-repeated")
    for row in tale.callbacks[-6:]:
        status = row["value"]["statuses"][0]["status"]
        row["at"] += {"sent": 0.6, "delivered": 0.0, "read": -0.6}[status]
    tale.sends[-2]["statuses"] = ["read", "delivered", "sent"]
    tale.faults.append(_fault("kill webhook-api", "webhook-api", 183.1, 183.1))


def withdrawn_and_given_again(tale: Tale) -> None:
    """A call may begin within a second after the 200; then nothing, until there is a new consent."""
    tale.consent(190.0, GALINA)
    tale.accept(191.0, GALINA, "galina-1")
    tale.consent(191.8, GALINA, "withdrawn")
    tale.arrive(192.7, GALINA, "galina-1")
    tale.consent(200.0, GALINA)
    tale.accept(200.5, GALINA, "galina-2")
    tale.arrive(201.5, GALINA, "galina-2")


def answered_after_a_stop(tale: Tale) -> None:
    """Who writes again after a withdrawal wants an answer."""
    tale.consent(205.0, GALINA, "withdrawn")
    tale.write(207.0, GALINA, "Где заказ?")
    tale.hear(207.5, GALINA, "Где заказ?")
    tale.accept(208.0, GALINA, "galina-3", form="text")
    tale.arrive(209.0, GALINA, "galina-3", form="text", price=FREE)


def stop_told_late(tale: Tale) -> None:
    """The person said START long before the tenant heard of the STOP."""
    tale.write(240.0, ZOYA, "stop", is_stop=True)
    tale.write(243.0, ZOYA, "start")
    tale.accept(244.0, ZOYA, "zoya-on")
    tale.arrive(250.0, ZOYA, "zoya-on")
    tale.hear(248.0, ZOYA, "stop")
    tale.hear(248.5, ZOYA, "start")


def never_sent(tale: Tale) -> None:
    """Refused for good, or never taken: told, and not charged."""
    tale.accept(260.0, EGOR, "egor-refused")
    tale.send(261.0, EGOR, "egor-refused", outcome="refused")
    tale.tell(262.0, EGOR, "egor-refused", "failed", error="meta_refused")
    tale.end(EGOR, "egor-refused", "failed", money="released")
    tale.answer(263.1, tale.post(263.0, EGOR, key="wrong"), 400)


def vaguely_refused(tale: Tale) -> None:
    """The client got a conflict or an error of ours, gave up, and it was sent all the same."""
    for at, status in ((270.0, 409), (275.0, 503)):
        tale.answer(at + 0.1, tale.post(at, EGOR, key=f"vague-{status}"), status)
        tale.arrive(at + 1.0, EGOR, f"egor-{status}")


def meta_contradicts_itself(tale: Tale) -> None:
    tale.accept(280.0, EGOR, "egor-both")
    tale.arrive(281.0, EGOR, "egor-both")
    tale.tell(283.0, EGOR, "egor-both", "failed", error="Message undeliverable")
    tale.sends[-1]["statuses"] = [*ORDINARY, "failed"]


def nobody_to_tell(tale: Tale) -> None:
    """The tenant cannot be reached; the API knows how its messages ended."""
    for state, money in (("read", "captured"), ("failed", "released")):
        tale.accept(290.0, IGOR, f"igor-{state}")
        tale.end(IGOR, f"igor-{state}", state, money=money)
    tale.send(291.0, IGOR, "igor-read")
    tale.write(292.0, IGOR, "Алло")


def _fault(name: str, target: str, begin: float, end: float) -> dict[str, object]:
    row = {"number": 1, "name": name, "target": target, "from": begin, "to": end, "between": 9}
    return {**row, "recovered_after": 1.0, "counts": True, "froze_meta": False}


ODDITIES = (
    repeated_post, never_answered, delivered_again, refused_first, failed_call, overlapping_posts, late_evidence,
    failed_twice, silent, told_backwards, withdrawn_and_given_again, answered_after_a_stop, stop_told_late, never_sent,
    vaguely_refused, meta_contradicts_itself, nobody_to_tell,
)  # fmt: skip
