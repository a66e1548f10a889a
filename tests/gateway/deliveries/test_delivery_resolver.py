"""Names are judged by every address they lead to, when they are called."""

import pytest

from services.gateway.deliveries.resolver import CheckedResolver
from services.gateway.deliveries.sender import Sender
from tests.gateway.deliveries.receiver import Receiver

SECRET = "whsec_" + "QUJD" * 8


def _sender(*answers: str, allow_loopback: bool = False) -> Sender:
    resolver = CheckedResolver(allow_loopback=allow_loopback, lookup=lambda host, port: answers)
    return Sender(timeout_seconds=1.0, allow_loopback=allow_loopback, resolver=resolver)


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["10.0.0.5"], ["8.8.8.8", "192.168.0.1"], ["8.8.8.8", "fd00::1"], ["::ffff:10.0.0.1"], []],
)
async def test_a_name_that_leads_inside_is_not_called(answers: list[str]) -> None:
    sender = _sender(*answers)
    answer = await sender.post(url="https://rebind.example.com/", secret=SECRET, delivery_id="1", body=b"{}")
    await sender.close()
    assert (answer.status, answer.error) == (0, "ClientConnectorDNSError")


async def test_an_address_in_the_url_is_judged_again_at_the_call(receiver: Receiver) -> None:
    sender = _sender("127.0.0.1")
    answer = await sender.post(url=receiver.url, secret=SECRET, delivery_id="1", body=b"{}")
    await sender.close()
    assert (answer.status, answer.error, receiver.calls) == (0, "refused_url", [])


async def test_the_connection_is_made_to_the_address_that_was_judged(receiver: Receiver) -> None:
    sender = _sender("127.0.0.1", allow_loopback=True)
    url = receiver.url.replace("127.0.0.1", "localhost")
    answer = await sender.post(url=url, secret=SECRET, delivery_id="1", body=b"{}")
    await sender.close()
    assert answer.status == 200
    assert receiver.calls[0].headers["Host"].startswith("localhost:")


async def test_a_redirect_is_not_followed(receiver: Receiver, other_receiver: Receiver) -> None:
    receiver.answers.append(302)
    receiver.headers["Location"] = other_receiver.url
    sender = _sender(allow_loopback=True)
    answer = await sender.post(url=receiver.url, secret=SECRET, delivery_id="1", body=b"{}")
    await sender.close()
    assert (answer.status, other_receiver.calls) == (302, [])
