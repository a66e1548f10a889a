"""What Meta said that no tenant could be given: see how much waits, and try it again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from deploy.local import staff
from deploy.local.errors import StackError
from deploy.local.paths import VAR
from deploy.local.stack import Stack
from deploy.local.waiting import blocking
from tools.vestnik.api import Api

Directory = Annotated[Path, typer.Option("--dir", help="where the stack keeps everything")]
app = typer.Typer(no_args_is_help=True, help=__doc__)
console = Console()

PATH = "/internal/quarantine"
ID_CHARACTERS = 16  # an id must not be cut: it is what `replay` asks for
CHOICES = ("phone_number_id", "waba_id", "reason")


class Webhook:
    """The webhook service's internal API, called as staff."""

    def __init__(self, directory: Path) -> None:
        stack = Stack.running_in(directory)
        self._url = stack.url("webhook")
        self._token = staff.token(stack.facts.secrets)

    def waiting(self) -> dict[str, Any]:
        """Return how many webhooks wait, and for what."""
        found: dict[str, Any] = blocking(self._call("GET", PATH))
        return found

    def replay(self, chosen: Mapping[str, Any], after: str | None) -> dict[str, Any]:
        """Try the next ones; return what became of them."""
        found: dict[str, Any] = blocking(self._call("POST", f"{PATH}:replay", {**chosen, "after": after}))
        return found

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        async with Api() as api:
            return await api.call(method, self._url + path, token=self._token, json=body)


@app.command("list")
def list_(directory: Directory = VAR) -> None:
    """Show what waits: for which number or WABA, why, how many and how long; never what it says."""
    found = Webhook(directory).waiting()
    ids = (Column(name, min_width=ID_CHARACTERS, overflow="fold") for name in ("number", "WABA"))
    table = Table("reason", *ids, "webhooks", "oldest", "tried")
    for row in found["waiting"]:
        values = (row["reason"], row["phone_number_id"] or "-", row["waba_id"] or "-", row["rows"],
                  _age(row["oldest_age_seconds"]), row["attempts"])  # fmt: skip
        table.add_row(*map(str, values))
    console.print(table if found["waiting"] else "Nothing is in quarantine.")


@app.command()
def replay(
    *,
    phone_number_id: Annotated[str | None, typer.Option("--number", help="of this phone_number_id")] = None,
    waba_id: Annotated[str | None, typer.Option("--waba", help="of this WABA")] = None,
    reason: Annotated[str | None, typer.Option(help="kept for this reason")] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="this one; may be given several times")] = None,
    directory: Directory = VAR,
) -> None:
    """Try again what waits. What still cannot be read or routed stays, and the exit code is 1."""
    chosen = {"phone_number_id": phone_number_id, "waba_id": waba_id, "reason": reason, "ids": ids or None}
    chosen = {name: value for name, value in chosen.items() if value}
    if not chosen:
        raise StackError("Say which: --number, --waba, --reason or --id.")
    webhook = Webhook(directory)
    totals = _replay(webhook, chosen, total=len(ids) if ids else _count(webhook, chosen))
    facts, kept = totals["facts"], totals["kept"]
    console.print(f"{totals['replayed']} webhooks left the quarantine as {facts} facts, {kept} stay")
    raise typer.Exit(1 if kept else 0)


def _replay(webhook: Webhook, chosen: Mapping[str, Any], *, total: int) -> dict[str, int]:
    totals = {"replayed": 0, "kept": 0, "facts": 0}
    after: str | None = None
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=total)
        while True:
            answer = webhook.replay(chosen, after)
            totals = {name: count + answer[name] for name, count in totals.items()}
            progress.update(bar, completed=totals["replayed"] + totals["kept"])
            after = answer["next"]
            if after is None:
                return totals


def _count(webhook: Webhook, chosen: Mapping[str, Any]) -> int:
    def is_meant(row: Mapping[str, Any]) -> bool:
        return all(row[name] == chosen[name] for name in CHOICES if name in chosen)

    return sum(int(row["rows"]) for row in webhook.waiting()["waiting"] if is_meant(row))


def _age(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
