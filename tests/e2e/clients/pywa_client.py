"""An unmodified pywa: its calls are sent to the gateway, and its own webhook server receives the callbacks."""

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from fastapi import FastAPI
from pywa import WhatsApp
from pywa.types import CallbackButton, CallbackSelection, Message, MessageStatus

WAIT_SECONDS = 30.0


class ThroughGateway(httpx.HTTPTransport):
    """What "change the base URL" means to a client whose base URL is fixed: another scheme, host and port."""

    def __init__(self, gateway: str) -> None:
        super().__init__()
        parts = urlsplit(gateway)
        self._to = {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(**self._to)
        request.headers["Host"] = request.url.netloc.decode()
        return super().handle_request(request)


@dataclass
class Bot:
    """A business's bot: the client, the address of its webhook server, and what that server was told."""

    client: WhatsApp
    url: str
    statuses: list[Any] = field(default_factory=list)
    messages: "queue.Queue[Message]" = field(default_factory=queue.Queue)
    presses: "queue.Queue[CallbackButton | CallbackSelection]" = field(default_factory=queue.Queue)

    def wait_status(self, message_id: str, name: str) -> MessageStatus:
        """The status of that message, once it has come."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            for status in list(self.statuses):
                if status.id == message_id and status.status == name:
                    return status
            time.sleep(0.05)
        told = [f"{one.status} {one.error}" for one in self.statuses if one.id == message_id]
        raise AssertionError(f"{message_id} never became {name}; told was {told}")


@contextmanager
def bot(*, gateway: str, phone_number_id: str, waba_id: str, api_key: str, secret: str) -> Iterator[Bot]:
    """A running bot; pywa itself refuses every callback whose signature does not fit."""
    app = FastAPI()
    client = WhatsApp(
        phone_id=phone_number_id,
        waba_id=waba_id,
        token=api_key,
        session=httpx.Client(transport=ThroughGateway(gateway), timeout=30.0),
        server=app,
        verify_token="not asked for",
        app_secret=secret,
        validate_updates=True,
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    running = Bot(client, f"http://127.0.0.1:{listener.getsockname()[1]}/")
    _listen(running)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def _listen(running: Bot) -> None:
    """Each handler of pywa fills its queue."""
    running.client.on_message_status()(lambda _, status: running.statuses.append(status))
    running.client.on_message()(lambda _, message: running.messages.put(message))
    running.client.on_callback_button()(lambda _, press: running.presses.put(press))
    running.client.on_callback_selection()(lambda _, press: running.presses.put(press))
