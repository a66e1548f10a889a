"""`make mailing`: does a mailing of one tenant slow down anybody's answers? Their times before it and during it."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from rich.console import Console

from deploy.local import documents
from deploy.local.paths import VAR
from tests.bench import directory, load
from tests.bench.command import stoppable
from tests.bench.figures import milliseconds
from tests.bench.meta import Meta
from tests.bench.population import SMALL_PER_SECOND, Shop
from tests.bench.posting import Mailing
from tests.bench.profiles import ProfiledStack
from tests.bench.progress import Phases
from tests.bench.replies import Replies, alone, seconds_to_graph
from tests.bench.run import bring_in
from tests.bench.seeding import Tenant
from tests.bench.standing import new_stack, standing

MAILER_NUMBERS = 4
ANSWERED = 600  # people whom a tenant answers in turn: Meta takes one message to a person in six seconds
REPLIES_PER_SECOND = 15.0
WARM_UP_SECONDS = 10.0
QUIET_SECONDS = 40.0
IDLE_PER_SECOND, IDLE_SECONDS = 2.0, 20.0  # one answer at a time, on a system that does nothing else
FULL_AFTER_SECONDS = 10.0  # from the first batch until the mailing fills every queue
LAST_ANSWERS_SECONDS = 20.0


def shops(messages: int, per_second: int) -> list[Shop]:
    """The tenant with the mailing, and its neighbour."""
    numbers = tuple(f"10000000{one:07d}" for one in range(MAILER_NUMBERS))
    mailer = Shop("Рассылка", 0.5, numbers, per_second, 0, messages + ANSWERED, ANSWERED)
    beside = Shop("Сосед", 0.5, ("100000010000000",), SMALL_PER_SECOND, mailer.persons, ANSWERED, ANSWERED)
    return [mailer, beside]


class Wish(NamedTuple):
    """What the caller asked for."""

    directory: Path
    messages: int
    per_second: int
    seconds: float


class Windows(NamedTuple):
    """When answers were watched, in Unix seconds: one at a time, at their pace before the mailing, and during it."""

    idle: tuple[float, float]
    quiet: tuple[float, float]
    busy: tuple[float, float]


def run(wish: Wish, console: Console) -> dict[str, Any]:
    """Measure on a stack of its own; the result is also in latest.json."""
    phases = Phases(console)
    stack = new_stack(wish.directory)
    with standing(stack, phases) as called:
        found = asyncio.run(_measure(wish, stack, called, phases))
    documents.write(wish.directory / directory.RESULT, found)
    return found


async def _measure(wish: Wish, stack: ProfiledStack, called: load.Called, phases: Phases) -> dict[str, Any]:
    tenants = await _seed(wish, stack, called, phases)
    own, other = (Replies(tenant, REPLIES_PER_SECOND) for tenant in tenants)
    mailing, stop = Mailing(tenants[0], wish.messages), asyncio.Event()
    gateway = stack.url("gateway")
    single = Replies(tenants[1], IDLE_PER_SECOND)
    watching = _pass(phases, "answering one person at a time", IDLE_SECONDS)
    idle = await alone(single, gateway, watching)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for stream in (own, other):
            group.create_task(stream.run(session, gateway, stop))
        await _pass(phases, "answering people, nothing else", WARM_UP_SECONDS + QUIET_SECONDS)
        quiet_end = time.time()
        posting = group.create_task(mailing.post(session, gateway, lambda _done, _note: None))
        await asyncio.sleep(FULL_AFTER_SECONDS)
        begun = time.time()
        await _pass(phases, f"answering people during a mailing of {wish.messages}", wish.seconds)
        windows = Windows(idle, (quiet_end - QUIET_SECONDS, quiet_end), (begun, time.time()))
        stop.set()
        posting.cancel()
        await _pass(phases, "waiting for the last answers", LAST_ANSWERS_SECONDS)
        meta = Meta(session, stack.url("sandbox"))
        await meta.read_sends()
    return _result((single, own, other), mailing, meta, windows)


async def _seed(wish: Wish, stack: ProfiledStack, called: load.Called, phases: Phases) -> list[Tenant]:
    wanted = shops(wish.messages, wish.per_second)
    with phases.phase("opening tenants, recording consents, letting people write") as tell:
        return await bring_in(stack, wanted, called, tell)


async def _pass(phases: Phases, what: str, seconds: float) -> None:
    with phases.phase(what, seconds) as tell:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            tell(seconds - left, "")
            await asyncio.sleep(min(1.0, left))


def _result(
    streams: tuple[Replies, Replies, Replies], mailing: Mailing, meta: Meta, windows: Windows
) -> dict[str, Any]:
    single, own, other = streams
    arrived = {send.message_id: send.at for send in reversed(meta.sends) if send.went_out}
    answers = {reply.message_id for stream in streams for reply in stream.sent}
    mailed = [at for message_id, at in arrived.items() if message_id not in answers]
    return {
        "messages": mailing.messages,
        "numbers_messages_per_second": mailing.tenant.shop.per_second,
        "accepted": mailing.accepted,
        "mailed_per_second": _rate(mailed, *windows.busy),
        "answers_refused": own.refused + other.refused,
        "idle_ms": milliseconds(seconds_to_graph(single.sent, arrived, *windows.idle)),
        "own": _compared(own, arrived, windows),
        "other": _compared(other, arrived, windows),
    }


def _compared(stream: Replies, arrived: dict[str, float], windows: Windows) -> dict[str, Any]:
    before = milliseconds(seconds_to_graph(stream.sent, arrived, *windows.quiet))
    during = milliseconds(seconds_to_graph(stream.sent, arrived, *windows.busy))
    ratio = round((during["p99"] or 0.0) / before["p99"], 2) if before["p99"] else None
    return {"quiet_ms": before, "mailing_ms": during, "p99_ratio": ratio}


def _rate(moments: Sequence[float], begin: float, end: float) -> float:
    return round(sum(begin <= at < end for at in moments) / (end - begin), 1)


def main(arguments: Sequence[str]) -> int:
    """Run once."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mailing", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="how many the mailing has")
    parser.add_argument("--per-second", type=int, default=1_000, help="what each of the mailer's numbers may send")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long answers are watched during the mailing")
    parser.add_argument("--dir", type=Path, default=VAR / "bench-mailing", help="where the stack keeps everything")
    given = parser.parse_args(arguments)
    console = Console()
    with stoppable(console):
        found = run(Wish(given.dir, given.messages, given.per_second, given.seconds), console)
    print(json.dumps(found, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
