"""Reads a flame graph that py-spy drew, and says in a few lines where the time went."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

SVG, FLAMES = "{http://www.w3.org/2000/svg}", "{http://github.com/jonhoo/inferno}"
LINES = 20
OURS = "services/"


class Stack(NamedTuple):
    """Functions as `name (file:line)`, outermost first, and in how many samples the last one was at work."""

    functions: tuple[str, ...]
    samples: int


class _Box(NamedTuple):
    """One rectangle of the drawing: what it stands on lies one row above it, in its whole width."""

    functions: tuple[str, ...]
    left: int


def stacks(graph: Path) -> list[Stack]:
    """Every stack of the drawing; samples in which a function called another one count for that one."""
    rows: dict[float, list[tuple[int, int, str]]] = defaultdict(list)
    for group in ElementTree.parse(graph).iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        if title is not None and box is not None:
            name = (title.text or "").rpartition(" (")[0]  # behind it: how many samples
            left, width = int(box.attrib[f"{FLAMES}x"]), int(box.attrib[f"{FLAMES}w"])
            rows[float(box.attrib["y"])].append((left, width, name))
    own: Counter[tuple[str, ...]] = Counter()
    above: list[_Box] = []
    for _, boxes in sorted(rows.items()):
        below = []
        for left, width, name in sorted(boxes):
            under = above[bisect_right(above, left, key=lambda box: box.left) - 1].functions if above else ()
            functions = (*under, name)
            own[under] -= width
            own[functions] += width
            below.append(_Box(functions, left))
        above = below
    return [Stack(functions[1:], samples) for functions, samples in own.items() if len(functions) > 1 and samples > 0]


def hottest(found: Sequence[Stack]) -> str:
    """Three tables: by function, by function of ours, by library."""
    ours = [Stack(_up_to_ours(stack.functions), stack.samples) for stack in found]
    libraries = [Stack(tuple(map(library, stack.functions)), stack.samples) for stack in found]
    return "".join([
        f"{sum(stack.samples for stack in found)} samples in which it worked or waited for a core; ",
        "what uvloop does in C stands under Runner.run\n",
        _table("function", found),
        _table("function of ours with the libraries it calls (SQL runs in greenlets, for itself)", ours),
        _table("library", libraries),
    ])  # fmt: skip


def library(function: str) -> str:
    """services/kernel, sqlalchemy, asyncio, ...: whose code it is."""
    parts = function.rpartition("(")[2].partition(":")[0].split("/")
    return "/".join(parts[:2]) if parts[0] == "services" else parts[0]


def _up_to_ours(functions: tuple[str, ...]) -> tuple[str, ...]:
    """Without the libraries that the innermost function of ours called."""
    depth = max((at for at, name in enumerate(functions, 1) if name.rpartition("(")[2].startswith(OURS)), default=0)
    return functions[:depth] or (f"({library(functions[0])} in a greenlet)",)


def _table(title: str, found: Sequence[Stack]) -> str:
    """The twenty with the largest shares of the samples: its own, that with everything it calls, the name."""
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for stack in found:
        own[stack.functions[-1]] += stack.samples
        for name in set(stack.functions):
            within[name] += stack.samples
    rows = [
        f"{count / own.total():7.1%} {within[name] / own.total():7.1%}  {name}"
        for name, count in own.most_common(LINES)
    ]
    return "\n".join(["", f"    own   total  {title}", *rows, ""])
