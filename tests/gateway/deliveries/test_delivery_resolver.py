"""Names are judged by every address they lead to, when they are called, and one that hangs keeps no other waiting."""

import asyncio
import threading
from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from services.gateway.callbacks.service import AddressRules
from services.gateway.deliveries.packing import Post
from services.gateway.deliveries.resolver import STRANGE_THREADS, AddressRefused, CheckedResolver
from services.gateway.deliveries.sender import Sender
from services.kernel.identifiers import uuid7
from tests.gateway.deliveries.receiver import Receiver

SECRET = "whsec_" + "QUJD" * 8
STRICT = AddressRules()
LOOPBACK = AddressRules(allow_loopback=True)


def _sender(*answers: str, rules: AddressRules = STRICT) -> Sender:
    return Sender(
        timeout_seconds=1.0, rules=rules, resolver=CheckedResolver(rules=rules, lookup=lambda host, port: answers)
    )


def _post(url: str) -> Post:
    return Post(uuid7(), uuid7(), uuid7(), 1, 1, url, (SECRET,), b"{}")


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["10.0.0.5"], ["8.8.8.8", "192.168.0.1"], ["8.8.8.8", "fd00::1"], ["::ffff:10.0.0.1"], []],
)
async def test_a_name_that_leads_inside_is_not_called(answers: list[str]) -> None:
    sender = _sender(*answers)
    answer = await sender.post(_post("https://rebind.example.com/"))
    await sender.close()
    assert (answer.status, answer.error, answer.address) == (0, "ClientConnectorDNSError", None)


async def test_a_name_that_leads_to_our_own_public_network_is_not_called() -> None:
    sender = _sender("8.8.4.4", rules=AddressRules(denied=(ip_network("8.8.4.0/24"),)))
    answer = await sender.post(_post("https://ours.example.com/"))
    await sender.close()
    assert (answer.status, answer.error) == (0, "ClientConnectorDNSError")


async def test_an_address_in_the_url_is_judged_again_at_the_call(receiver: Receiver) -> None:
    sender = _sender("127.0.0.1")
    answer = await sender.post(_post(receiver.url))
    await sender.close()
    assert (answer.status, answer.error, receiver.calls) == (0, "refused_url", [])


async def test_the_connection_is_made_to_the_address_that_was_judged(receiver: Receiver) -> None:
    sender = _sender("127.0.0.1", rules=LOOPBACK)
    answer = await sender.post(_post(receiver.url.replace("127.0.0.1", "localhost")))
    await sender.close()
    assert (answer.status, answer.address) == (200, "127.0.0.1")
    assert receiver.calls[0].headers["Host"].startswith("localhost:")


async def test_a_name_that_answers_differently_later_is_not_called_again(receiver: Receiver) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    resolver = CheckedResolver(rules=LOOPBACK, lookup=lambda host, port: next(answers))
    assert [found["host"] for found in await resolver.resolve("rebind.example.com", 443)] == ["127.0.0.1"]
    with pytest.raises(AddressRefused):
        await resolver.resolve("rebind.example.com", 443)
    await resolver.close()


async def test_a_redirect_is_not_followed(receiver: Receiver, other_receiver: Receiver) -> None:
    receiver.answers.append(302)
    receiver.headers["Location"] = other_receiver.url
    sender = _sender(rules=LOOPBACK)
    answer = await sender.post(_post(receiver.url))
    await sender.close()
    assert (answer.status, other_receiver.calls) == (302, [])


async def test_names_that_hang_keep_no_name_waiting_that_is_known_to_answer() -> None:
    answer = threading.Event()

    def lookup(host: str, port: int) -> Sequence[str]:
        if host.startswith("hang"):
            answer.wait(20)
        return ["8.8.8.8"]

    resolver = CheckedResolver(rules=AddressRules(), lookup=lookup)
    await resolver.resolve("healthy.example.com")
    hanging = [asyncio.create_task(resolver.resolve(f"hang{n}.example.com")) for n in range(2 * STRANGE_THREADS)]
    await asyncio.sleep(0)
    for _ in range(20):
        assert await resolver.resolve("healthy.example.com")
    assert not any(task.done() for task in hanging)
    answer.set()
    await asyncio.gather(*hanging)
    await resolver.close()
