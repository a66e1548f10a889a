"""The journal once more: an empty schema and the published facts give the same books, or it is said where not."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple
from uuid import uuid4

import asyncpg
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.local import infra
from deploy.local.paths import VAR
from services.billing.migrate import MIGRATIONS
from services.billing.replay import service
from services.billing.replay.facts import Facts, Finding
from services.kernel import clock
from services.kernel.contracts import Event
from services.kernel.contracts.charges import CHARGES
from services.kernel.contracts.clearances import CLEARANCES
from services.kernel.contracts.outcomes import OUTCOMES
from services.kernel.contracts.reservations import RESERVATIONS
from services.kernel.contracts.statuses import STATUSES
from services.kernel.db import Database
from services.kernel.migrate import migrate
from services.kernel.settings import DatabaseSettings
from tools.vestnik import exporting

TOPICS = tuple(topic.name for topic in (CLEARANCES, OUTCOMES, STATUSES, RESERVATIONS, CHARGES))
# A fact is published right after its transfer is committed: what the snapshot has is on Kafka a moment later.
PUBLISHING_SECONDS = 2.0
# A fact whose transfer is missing is only wrong when it was decided well before the snapshot.
UNDER_WAY = timedelta(minutes=1)
FINDINGS_MAX = 10


class Place(NamedTuple):
    """Where the facts and the books are: broker, and DSNs of billing's role, its owner and the superuser."""

    kafka: str
    billing: str
    owner: str
    superuser: str


class Verdict(NamedTuple):
    """What came out of a replay."""

    ours: service.Books
    again: service.Books
    facts: int
    findings: list[Finding]


def replay(
    directory: Annotated[Path, typer.Option("--dir", help="where the stack keeps everything")] = VAR,
    events: Annotated[
        Path | None, typer.Option("--events", help="files of an earlier export, instead of Kafka's topics now")
    ] = None,
) -> None:
    """Replay the published facts into an empty schema and compare journal and balances by SHA-256."""
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    place = place_of(directory)
    with Progress(*columns, console=console) as progress:
        verdict = run(place, events or directory / "replay", progress, is_exported=events is not None)
    console.print(f"{len(verdict.ours.journal)} transfers, {verdict.facts} facts", highlight=False)
    for name in ("journal", "balances"):
        mine, again = (getattr(books, f"{name}_sha256") for books in (verdict.ours, verdict.again))
        console.print(f"{name:8}  the books {mine}\n{'':8}  the facts {again}", highlight=False, soft_wrap=True)
    for finding in verdict.findings[:FINDINGS_MAX]:
        console.print(f"[red]✗[/] {escape(finding.text)}", highlight=False)
    console.print("they differ" if verdict.findings else "[green]✓[/] they are the same")
    raise typer.Exit(1 if verdict.findings else 0)


def place_of(directory: Path) -> Place:
    """The addresses of a running stack."""
    found = infra.describe(directory)
    return Place(
        kafka=found["kafka"],
        billing=found["postgres"]["billing"],
        owner=found["postgres_owner"]["billing"],
        superuser=found["postgres_superuser"],
    )


def run(
    place: Place,
    events: Path,
    progress: Progress,
    *,
    is_exported: bool = False,
    is_meant: Callable[[Event], bool] = lambda _: True,
) -> Verdict:
    """Snapshot the books, export the facts (unless they were), replay them into a database that is dropped at the end.

    `is_meant` leaves facts out: where several systems share a broker.
    """
    (ours, cards), at = asyncio.run(_read(place.billing)), clock.now()
    if not is_exported:
        time.sleep(PUBLISHING_SECONDS)
        exporting.export(place.kafka, TOPICS, events, lambda count: _bar(progress, "exporting facts", count))
    facts = Facts()
    facts.take(filter(is_meant, exporting.read(events)))
    facts.check()
    with _empty_schema(place) as name:
        advance = _bar(progress, "replaying transfers", len(ours.journal))
        again, missing = asyncio.run(_replay(place, name, (ours, cards), facts, advance))
    findings = missing + facts.findings + service.differences(ours, again)
    findings += service.unused(facts, ours.journal, at - UNDER_WAY)
    return Verdict(ours, again, sum(facts.counted.values()), findings)


def _bar(progress: Progress, what: str, count: int) -> exporting.Advance:
    task = progress.add_task(what, total=count)
    return lambda number: progress.advance(task, number)


@contextmanager
def _empty_schema(place: Place) -> Iterator[str]:
    """A fresh database of billing's newest schema; gives its name."""
    name = f"billing_replay_{uuid4().hex[:8]}"
    asyncio.run(_as_superuser(place, f'create database "{name}" owner billing_owner'))
    try:
        migrate(MIGRATIONS, _url(place.owner, name))
        yield name
    finally:
        asyncio.run(_as_superuser(place, f'drop database "{name}" with (force)'))


async def _read(dsn: str) -> tuple[service.Books, list[service.Card]]:
    database = _open(_url(dsn))
    try:
        return await service.read_books(database)
    finally:
        await database.close()


async def _replay(
    place: Place,
    name: str,
    source: tuple[service.Books, list[service.Card]],
    facts: Facts,
    advance: exporting.Advance,
) -> tuple[service.Books, list[Finding]]:
    owner, database = _open(_url(place.owner, name)), _open(_url(place.billing, name))
    try:
        await service.prepare(owner, *source)
        missing = await service.apply(database, source[0].journal, facts, advance)
        return (await service.read_books(database))[0], missing
    finally:
        await owner.close()
        await database.close()


def _open(url: str) -> Database:
    return Database(DatabaseSettings(url=SecretStr(url), pool_size=2), application_name="replay")


def _url(dsn: str, name: str | None = None) -> str:
    server, _, own = dsn.rpartition("/")
    return f"{server.replace('postgresql://', 'postgresql+asyncpg://')}/{name or own}"


async def _as_superuser(place: Place, sql: str) -> None:
    connection = await asyncpg.connect(place.superuser)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
