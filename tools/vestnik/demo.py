"""Performs the main job before a person's eyes: a template goes out, the person answers, a free reply follows."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.local.errors import StackError
from tools.vestnik.api import PROPAGATION_SECONDS, Api, TenantApi, messages_path, template_message
from tools.vestnik.narration import Narration, callback, money
from tools.vestnik.receiver import Receiver

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
TENANT_FIELDS = ("api_key", "phone_number_id", "waba_id", "callback_secret", "person")
FINISHED = {"read", "captured", "called_back"}
NAME = "Анна"
ANSWER = "Спасибо! До которого часа вы открыты?"
REPLY = "До восьми вечера. Ждём вас!"


def perform(console: Console, stack: Mapping[str, Any], directory: Path) -> None:
    """Perform the main job, then show every callback that arrives until Ctrl-C."""
    asyncio.run(_perform(console, stack, directory))


async def _perform(console: Console, stack: Mapping[str, Any], directory: Path) -> None:
    receiver = Receiver(stack["tenant"]["callback_secret"])
    try:
        async with Api() as api:
            demo = Demo(console, api, stack, receiver)
            await demo.play()
            show_addresses(console, stack, directory)
            console.print(
                "\nIt keeps running, and shows the callbacks that arrive. [bold]Ctrl-C[/] stops everything.\n"
            )
            await demo.listening
    finally:
        await receiver.stop()


class Demo:
    """The scenes, in order."""

    def __init__(self, console: Console, api: Api, stack: Mapping[str, Any], receiver: Receiver) -> None:
        self._console = console
        self._api = api
        self._stack = stack
        self._receiver = receiver
        self._tenant = stack["tenant"]
        self._own = TenantApi(api, stack["gateway"], self._tenant)
        self._answered = asyncio.Event()
        self._called_back: set[tuple[str, str]] = set()  # message id, status

    async def play(self) -> None:
        """Play every scene."""
        await self._own.set_callback(await self._receiver.start())
        self.listening = asyncio.create_task(self._listen())
        person = self._tenant["person"]
        await self._wallet("The tenant's wallet before")
        self._title(f"1. An approved template to {person}, who has consented")
        await self._follow(await self._patient_template(person))
        self._title(f"2. {person} answers, which opens a window of 24 hours")
        await self._person_writes(person)
        self._title("3. A reply inside the window, free of charge")
        await self._follow(await self._own.send_text(person, REPLY))
        await self._wallet("The wallet after")

    def _title(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/]", highlight=False)

    async def _patient_template(self, person: str) -> str:
        """A tenant that was made a second ago may not be known everywhere yet."""
        deadline = time.monotonic() + PROPAGATION_SECONDS
        while True:
            try:
                return await self._own.send_template(person, NAME)
            except StackError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)

    async def _follow(self, message_id: str) -> None:
        """Tell everything that happens to a message until it is read, paid for and called back."""
        self._console.print(f"  [dim]message {message_id}[/]", highlight=False)
        narration, deadline = Narration(self._console), time.monotonic() + PATIENCE_SECONDS
        while True:
            message = await self._own.message(message_id)
            told = narration.tell(message)
            if told >= FINISHED and (message_id, "read") in self._called_back:
                return
            if message["state"] in ("failed", "expired") or time.monotonic() > deadline:
                missing = ", ".join(sorted(FINISHED - told))
                raise StackError(
                    f"The message is {message['state']}, not {missing}: {message.get('error')}. See `make logs`."
                )
            await asyncio.sleep(POLL_SECONDS)

    async def _person_writes(self, person: str) -> None:
        self._answered.clear()
        digits = person.removeprefix("+")
        await self._api.call(
            "POST", f"{self._stack['sandbox']}/_sandbox/people/{digits}/messages", json={"text": ANSWER}
        )
        try:
            await asyncio.wait_for(self._answered.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            raise StackError("The person's answer was not called back to the tenant. See `make logs`.") from None

    async def _listen(self) -> None:
        """Show every callback whose signature is right."""
        while True:
            fact = await self._receiver.facts.get()
            self._console.print(
                f"  [cyan]callback[/]                signature valid: {callback(fact)}", highlight=False, soft_wrap=True
            )
            self._called_back |= {(status.get("id"), status.get("status")) for status in fact.get("statuses") or []}
            if fact.get("messages"):
                self._answered.set()

    async def _wallet(self, title: str) -> None:
        balance = await self._own.balance()
        self._title(title)
        held = balance["held"]
        text = (
            f"  {money(balance['wallet'])}, of it held for messages on their way: {held['amount']} {held['currency']}"
        )
        self._console.print(text, highlight=False)


def show_addresses(console: Console, stack: Mapping[str, Any], directory: Path) -> None:
    """Print where everything is and the keys of the demo tenant."""
    tenant = stack["tenant"]
    rows = {name: stack[name] for name in ("gateway", "webhook", "consent", "billing", "sandbox", "kafka")}
    rows |= {f"demo tenant's {name}": tenant[name] for name in TENANT_FIELDS}
    rows["the API, to read"] = f"{stack['gateway']}/docs"
    rows["a phone, to look at"] = f"{stack['sandbox']}/_sandbox/phones"
    rows["everything, as JSON"] = directory / "stack.json"
    console.print("\n[bold]Vestnik is running[/]")
    for name, value in rows.items():
        console.print(f"  {name:<30}{value}", highlight=False, markup=False, soft_wrap=True)
    console.print("\n[bold]Send a message yourself[/]; with the id in the answer ask what became of it")
    for command in commands(stack["gateway"], tenant):
        console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)


def commands(gateway: str, tenant: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a shell takes to send the demo tenant's template, and to ask for a message."""
    body = json.dumps(template_message(tenant, tenant["person"], NAME), ensure_ascii=False)
    key = f"-H 'Authorization: Bearer {tenant['api_key']}'"
    send = f"curl -sS {gateway}{messages_path(tenant)} {key} -H 'Content-Type: application/json' -d '{body}'"
    return send, f"curl -sS {gateway}/v1/messages/ID {key}"
