"""One page with a picture of every series: its samples, its line, and red where it did not do as expected."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, BELOW = 300, 110, 44, 16
STYLE = """
:root { color-scheme: light dark; --ink: #222; --faint: #8a8a8a; --line: #2a6fb0; --fit: #c98a1b; --bad: #c0392b;
        --paper: #fff; --card: #f5f5f3 }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --faint: #888; --line: #6cb0ee; --fit: #e2b05a;
        --bad: #ff7b6b; --paper: #161616; --card: #202020 } }
body { font: 14px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 24px }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 12px }
figure { margin: 0; padding: 10px; background: var(--card); border-radius: 6px }
figcaption { font-weight: 600 } figure.bad figcaption { color: var(--bad) }
small { color: var(--faint); font-weight: 400 }
svg { width: 100%; height: auto } svg text { font-size: 10px; fill: var(--faint) }
polyline { fill: none; stroke: var(--line); stroke-width: 1.4 } .fit { stroke: var(--fit); stroke-dasharray: 4 3 }
h1 { font-size: 20px } h2 { font-size: 16px; margin: 24px 0 8px }
"""


def render(title: str, series: Mapping[str, Mapping[str, Any]], problems: Sequence[str]) -> str:
    """The whole page; series that stayed where they were are named only."""
    still = {name: one["values"][0] for name, one in series.items() if len(set(one["values"])) == 1}
    shown = {name: one for name, one in series.items() if name not in still}
    families = sorted({name.partition(".")[0] for name in shown})
    parts = [f"<h2>{escape(family)}</h2><main>{_figures(family, shown)}</main>" for family in families]
    wrong = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{escape(title)}</h1>{f'<ul>{wrong}</ul>' if wrong else '<p>Every series did as expected.</p>'}"
        f"{''.join(parts)}<p><small>The same all the time: {escape(_listed(still))}.</small>"
        "<p><small>Along: minutes. Dashed: the line through the samples after the warm-up.</small></html>\n"
    )


def _listed(still: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in still.items())


def _figures(family: str, series: Mapping[str, Mapping[str, Any]]) -> str:
    return "".join(_figure(name, one) for name, one in series.items() if name.partition(".")[0] == family)


def _figure(name: str, one: Mapping[str, Any]) -> str:
    note = one["offence"] or f"{one['expected']}, {one['line_per_hour']:+g} {one['unit']} an hour"
    caption = f"<figcaption>{escape(name)} <small>{escape(note)}</small></figcaption>"
    return f"<figure{' class=bad' if one['offence'] else ''}>{caption}{_picture(one)}</figure>"


def _picture(one: Mapping[str, Any]) -> str:
    minutes, values = one["minutes"], one["values"]
    top, last = max(values) * 1.05 or 1.0, minutes[-1] or 1.0

    def point(minute: float, value: float) -> str:
        return f"{LEFT + WIDTH * minute / last:.1f},{HEIGHT * (1 - min(max(value / top, 0.0), 1.0)):.1f}"

    samples = " ".join(point(at, value) for at, value in zip(minutes, values, strict=True))
    begin, end = one["line"]
    fitted = f"{point(last / 6, begin)} {point(last, end)}"
    return (
        f'<svg viewBox="0 -8 {LEFT + WIDTH + 4} {HEIGHT + BELOW + 8}" role=img>'
        f"<text x=0 y=2>{top:.4g}</text><text x=0 y={HEIGHT}>0</text>"
        f"<text x={LEFT} y={HEIGHT + BELOW - 3}>0</text>"
        f"<text x={LEFT + WIDTH} y={HEIGHT + BELOW - 3} text-anchor=end>{last:.4g} min</text>"
        f'<polyline points="{samples}"/><polyline class=fit points="{fitted}"/></svg>'
    )
