"""The result of a soak for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

FIGURES = ("messages_per_second", "webhooks_per_second", "callbacks_per_second", "accept_ms", "accept_to_graph_ms",
           "webhook_ack_ms", "lost", "double_sent", "callbacks_missing", "ledger_sum", "rollover")  # fmt: skip


def show(console: Console, result: Mapping[str, Any]) -> None:
    """Figures, every series that moved, and what is wrong."""
    console.print(_figures(result))
    moved = {name: one for name, one in result["series"].items() if len(set(one["values"])) > 1}
    console.print(_series(moved))
    console.print(f"{len(result['series']) - len(moved)} further series stayed where they were", style="dim")
    for problem in result["problems"]:
        console.print(f"[red]✗[/] {problem}", highlight=False)
    if not result["problems"]:
        console.print("[green]✓[/] every series did as expected, and no promise was broken")


def _figures(result: Mapping[str, Any]) -> Table:
    table = Table("figure", "value", title=f"{result['offered']:g} messages/s for {result['minutes']:g} minutes")
    for name in FIGURES:
        value = result[name]
        shown = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else f"{value:g}"
        table.add_row(name.replace("_", " "), shown)
    return table


def _series(series: Mapping[str, Mapping[str, Any]]) -> Table:
    minutes = next(iter(series.values()))["at_minutes"]
    columns = (f"at {float(minute):.3g} min" for minute in minutes)
    table = Table("series", "unit", *columns, "line an hour", "each message", "expected", "")
    for name, one in series.items():
        each = "" if one["each_message"] is None else f"{one['each_message']:g}"
        values = ("" if value is None else f"{value:,.5g}" for value in one["at_minutes"].values())
        verdict = "[red]✗[/]" if one["offence"] else "✓"
        line = f"{one['line_per_hour']:+,.4g}"
        table.add_row(name, one["unit"], *values, line, each, one["expected"], verdict)
    return table
