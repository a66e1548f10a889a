"""The result for people."""

from typing import Any

from rich.console import Console
from rich.table import Table

OTHER_CORES_MAX = 0.25
LATE_MS_MAX = 50


def show(console: Console, result: dict[str, Any]) -> None:
    """The figures that matter, then where the time went, then what is wrong."""
    console.print(_figures(result))
    console.print(_costs(result))
    console.print(_ceilings(result))
    for problem in problems(result):
        console.print(f"[red]✗[/] {problem}", highlight=False)


def _figures(result: dict[str, Any]) -> Table:
    table = Table("figure", "value", title=f"{result['offered']:g} messages/s offered for {result['seconds']:g} s")
    for name in ("messages_per_second", "webhooks_per_second", "callbacks_per_second"):
        table.add_row(name.replace("_", " "), f"{result[name]:g}")
    for name in ("accept_ms", "accept_to_graph_ms", "webhook_ack_ms"):
        table.add_row(name.replace("_", " "), ", ".join(f"{key} {value}" for key, value in result[name].items()))
    table.add_row("backlog", f"{result['backlog']['start']} → {result['backlog']['end']}")
    table.add_row("growing", _grown(result["grew"]) or "nothing")
    for name in ("lost", "double_sent", "callbacks_missing", "ledger_sum"):
        table.add_row(name.replace("_", " "), f"{result[name]:g}")
    table.add_row("idle cores", f"{result['idle_cores']} of {result['cores']}")
    table.add_row("calibration", f"{result['calibration_ns']} → {result['calibration_after_ns']} ns an iteration")
    return table


def _grown(grew: dict[str, dict[str, float]]) -> str:
    return ", ".join(f"{name} {by['from']} → {by['to']}" for name, by in grew.items())


def _ceilings(result: dict[str, Any]) -> Table:
    table = Table("without Vestnik", "value", title="ceilings of this machine in this run")
    for name, value in result["ceilings"].items():
        if isinstance(value, int | float):
            table.add_row(name.replace("_", " "), f"{value:,}")
    return table


def _costs(result: dict[str, Any]) -> Table:
    table = Table("process", "CPU µs a message", "cores", "memory MB", title="cost")
    cpu, memory = result["cpu_us_per_message"], result["memory_mb"]
    for name, micros in cpu["by_process"].items():
        cores = (micros or 0) * result["messages_per_second"] / 1e6
        table.add_row(name, str(micros), f"{cores:.2f}", str(memory.get(name, "")))
    at_reference = str(result["cpu_us_per_message_at_reference"])
    table.add_row("all of Vestnik", str(cpu["total"]), "", str(sum(memory.values())), style="bold")
    table.add_row("the same at 33 ns an iteration", at_reference, "", "", style="dim")
    for name, cores in result["harness_cores"].items():
        table.add_row(f"{name} (not counted)", "", f"{cores:.2f}", "", style="dim")
    return table


def problems(result: dict[str, Any]) -> list[str]:
    """What a reader must not overlook."""
    found = []
    other = {name: count for name, count in result["answers"].items() if name != "200" and count}
    if other:
        found.append(f"not every send was answered 200: {other}")
    if result["failures_told"]:
        found.append(f"{result['failures_told']} messages failed, and their tenants were told so")
    if result["restarts"]:
        found.append(f"{result['restarts']} processes died and were started again during the load: see the logs")
    if (result["generator_late_ms"]["p99"] or 0) > LATE_MS_MAX:
        found.append("the generator itself was late: this machine is too busy for this rate")
    if result["other_cores"] > OTHER_CORES_MAX:
        found.append(f"other programs used {result['other_cores']} cores: measure again on a quiet machine")
    return found
