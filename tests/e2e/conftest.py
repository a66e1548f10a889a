"""One real stack for all stories; every test brings its own tenants."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from deploy.local import environment
from deploy.local.stack import Stack
from tests.e2e.harness.facts import Facts
from tests.e2e.harness.meta import Meta
from tests.e2e.harness.sandbox import Sandbox
from tests.e2e.harness.stacks import DIRECTORY, new_stack
from tests.e2e.harness.staff import Staff
from tests.e2e.harness.tenants import Tenant

TIMEOUT_SECONDS = 30.0


@dataclass
class World:
    """The stack with everybody around it."""

    stack: Stack
    http: aiohttp.ClientSession
    sandbox: Sandbox
    staff: Staff
    meta: Meta
    facts: Facts


MakeTenant = Callable[..., Awaitable[Tenant]]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Two of each worker, in a directory of their own (VESTNIK_E2E_DIR: another one)."""
    with new_stack(os.environ.get("VESTNIK_E2E_DIR", DIRECTORY)) as running:
        yield running


@pytest.fixture(scope="session")
async def world(stack: Stack) -> AsyncIterator[World]:
    async with surroundings(stack) as found:
        yield found


def surroundings(stack: Stack) -> "_Surroundings":
    """Everybody around a running stack; enter it with `async with`."""
    return _Surroundings(stack)


class _Surroundings:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> World:
        stack = self._stack
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(limit=0, force_close=True)  # a killed process must not spoil the next call
        http = await self._resources.enter_async_context(aiohttp.ClientSession(timeout=timeout, connector=connector))
        sandbox = Sandbox(http, stack.url("sandbox"))
        meta = Meta(http, stack.url("webhook") + environment.WEBHOOK_PATH, stack.facts.secrets.app_secret)
        facts = Facts(stack)
        staff = Staff(http, stack, sandbox)
        for close in (facts.close, staff.close):
            self._resources.push_async_callback(close)
        return World(stack, http, sandbox, staff, meta, facts)

    async def __aexit__(self, *_exit: Any) -> None:
        await self._resources.aclose()


@pytest.fixture
async def make_tenant(world: World) -> AsyncIterator[MakeTenant]:
    """A function that opens fresh tenants (top_up="10.00", ...); their endpoints live as long as the test."""
    async with AsyncExitStack() as endpoints:

        async def make(**how: Any) -> Tenant:
            tenant = await world.staff.open_tenant(**how)
            endpoints.push_async_callback(tenant.callbacks.stop)
            return tenant

        yield make


@pytest.fixture
async def tenant(make_tenant: MakeTenant) -> Tenant:
    """A fresh tenant."""
    return await make_tenant()
