"""The commands: up, down, run, status, logs, staff-token, seed, contracts, openapi, quarantine, replay."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.local import background, documents, ports, staff
from deploy.local.errors import StackError
from deploy.local.paths import VAR
from deploy.local.processes import MODULES, base
from deploy.local.readiness import unready
from deploy.local.stack import Stack
from services.kernel.contracts import docs
from tools.vestnik import demo, quarantine, replay
from tools.vestnik.progress import Steps
from tools.vestnik.seed import seed as seed_tenants

Directory = Annotated[Path, typer.Option("--dir", help="where the stack keeps everything")]
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__)
app.add_typer(quarantine.app, name="quarantine")
app.command("replay")(replay.replay)
console = Console()


def main() -> None:
    """Run a command; what a person can mend is one message, never a stack trace."""
    try:
        app()
    except StackError as error:
        Console(stderr=True).print(f"[red]✗[/] {escape(str(error))}", highlight=False)
        sys.exit(1)


@app.command()
def up(directory: Directory = VAR) -> None:
    """Start everything in the background; return when all of it is ready."""
    argv = [sys.executable, "-m", "tools.vestnik", "supervise", "--dir", str(directory.resolve())]
    with Steps(console) as steps:
        background.start(directory, argv, steps)
    demo.show_addresses(console, documents.read(directory / "stack.json"), directory)


@app.command(hidden=True)
def supervise(directory: Directory = VAR) -> None:
    """Be the background process of `up`."""
    background.serve(_stack(directory))


@app.command()
def down(directory: Directory = VAR) -> None:
    """Stop everything that runs in this directory."""
    with console.status("stopping"):
        forgotten = background.stop(directory)
    console.print("stopped" + (f"; ended without a supervisor: {', '.join(forgotten)}" if forgotten else ""))


@app.command()
def run(directory: Directory = VAR) -> None:
    """Start everything in the foreground, perform the main job visibly, stay until Ctrl-C."""
    stack = _stack(directory)
    steps = Steps(console)
    stack.report = steps

    def ready() -> None:
        steps.__exit__(None, None, None)
        demo.perform(console, stack.describe(), directory)

    console.print("[bold]Vestnik[/]: starting PostgreSQL, Kafka, every service and the sandbox\n")
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    with steps:
        background.serve(stack, ready)
    console.print("stopped; nothing is left running")


@app.command()
def status(directory: Directory = VAR) -> None:
    """Show every process: pid, restarts, ready or why not. The exit code is 1 when something is not ready."""
    stack = documents.read(directory / "stack.json")
    if stack is None:
        state = background.supervisor(directory)
        raise StackError(f"The stack is {state['phase']}." if state else "Nothing runs here: `make up` starts it.")
    known = documents.read(directory / "ports.json")
    names = [row["name"] for row in stack["processes"]]
    problems = unready({name: known[name] for name in names if base(name) in MODULES})
    table = Table("process", "pid", "restarts", "ready")
    for row in stack["processes"]:
        why = problems.get(row["name"], "")
        table.add_row(row["name"], str(row["pid"]), str(row["restarts"]), escape(why) if why else "[green]yes[/]")
    console.print(table)
    raise typer.Exit(1 if problems else 0)


@app.command()
def logs(name: Annotated[str, typer.Argument(help="one process")] = "", directory: Directory = VAR) -> None:
    """Follow the logs."""
    files = {file.stem: file for file in sorted((directory / "log").glob("*.log"))}
    if not files:
        raise StackError(f"There are no logs in {directory / 'log'}: `make up` starts what writes them.")
    if name and name not in files:
        raise StackError(f"There is no log of {name}, only of {', '.join(files)}.")
    wanted = [files[name]] if name else files.values()
    os.execvp("tail", ["tail", "-n", "30", "-F", *map(str, wanted)])  # noqa: S606 - no shell is wanted


@app.command("staff-token")
def staff_token(
    hours: Annotated[float, typer.Option(help="how long it is good for")] = 8.0,
    subject: Annotated[str, typer.Option(help="who will act with it")] = "operator",
    directory: Directory = VAR,
) -> None:
    """Print a token for staff: `Authorization: Bearer TOKEN` at any service's internal API."""
    secrets = Stack.running_in(directory).facts.secrets
    print(staff.token(secrets, lifetime_seconds=int(hours * 3600), subject=subject))


@app.command()
def seed(directory: Directory = VAR) -> None:
    """Create one more pair of demo tenants in a running stack and print them."""
    console.print_json(data=seed_tenants(Stack.running_in(directory)))


@app.command()
def contracts(
    check: Annotated[bool, typer.Option("--check", help="only say whether they are up to date")] = False,
) -> None:
    """Generate docs/EVENTS.md and docs/asyncapi.json from the contracts."""
    raise typer.Exit(docs.main(["--check"] if check else []))


@app.command()
def openapi(
    check: Annotated[bool, typer.Option("--check", help="only say whether it is up to date")] = False,
) -> None:
    """Generate the OpenAPI document of the public door and its page from the routes."""
    from tools.vestnik.openapi import document  # noqa: PLC0415 - it loads every service; the other commands start faster

    raise typer.Exit(document.main(check=check))


def _stack(directory: Path) -> Stack:
    wanted = ports.preferred(os.environ) if directory.resolve() == VAR else {}
    return Stack(directory, wanted_ports=wanted, seed=seed_tenants)
