"""A stack with two of every process but the sandbox, each pair of doors behind a balancer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from deploy.local import processes
from deploy.local.background import discard
from deploy.local.environment import WEBHOOK_PATH
from deploy.local.stack import Stack
from tests.e2e.harness.balancer import Balancer
from tests.e2e.harness.stacks import OVERRIDES

SERVICES = ("gateway", "webhook", "consent", "billing")
COPIES = {name: 2 for name in processes.SERVICES if name != "sandbox-api"}


class Balanced(Stack):
    """Who asks for a service is given the address of its balancer."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, copies=COPIES)
        self.balancers: dict[str, Balancer] = {}

    def url(self, service: str) -> str:
        return self.balancers[service].url if service in self.balancers else super().url(service)

    def copy_url(self, name: str) -> str:
        """One copy's own address."""
        return f"http://127.0.0.1:{self.facts.ports[name]}"

    def wire(self) -> None:
        """The second door asks the second copies, workers ask whom they get, and Meta reaches both webhooks."""
        second = {f"URLS__{name.upper()}": self.copy_url(f"{name}-api-2") for name in ("consent", "billing")}
        added: dict[str, dict[str, str]] = {
            "gateway-api-2": second,
            "gateway-worker": {"URLS__CONSENT": self.url("consent")},
            "sandbox-api": {"WEBHOOK__URL": self.url("webhook") + WEBHOOK_PATH},
        }
        self.overrides = {name: {**OVERRIDES.get(name, {}), **added.get(name, {})} for name in (*OVERRIDES, *added)}


@asynccontextmanager
async def two_of_everything(directory: Path | str) -> AsyncIterator[Balanced]:
    """Such a stack, which begins empty and runs inside the block."""
    place = Path(directory)
    await asyncio.to_thread(discard, place)
    stack = Balanced(place)
    async with AsyncExitStack() as resources:
        for service in SERVICES:
            ports = [stack.facts.ports[f"{service}-api{number}"] for number in ("", "-2")]
            stack.balancers[service] = await resources.enter_async_context(Balancer(ports))
        stack.wire()
        resources.push_async_callback(asyncio.to_thread, stack.stop)
        await asyncio.to_thread(stack.start)
        yield stack
