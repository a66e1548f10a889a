"""Writes HTML: elements whose text is always escaped, and the few marks of Markdown that the document uses."""

import html
import re
from collections.abc import Iterable


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | bool) -> Markup:
    """`<tag ...>children</tag>`; a child that is no Markup is escaped; `class_` and `for_` lose their line."""
    shown = "".join(_attribute(name.rstrip("_"), value) for name, value in attributes.items() if value is not False)
    return Markup(f"<{tag}{shown}>{join(children)}</{tag}>")


def void(tag: str, **attributes: str | bool) -> Markup:
    """An element without an end."""
    return Markup(f"<{tag}{''.join(_attribute(name.rstrip('_'), value) for name, value in attributes.items())}>")


def join(children: Iterable[str]) -> Markup:
    return Markup("".join(child if isinstance(child, Markup) else html.escape(child) for child in children))


def markdown(text: str) -> Markup:
    """Paragraphs, lists, **bold**, *emphasis*, `code`."""
    return join(_block(block) for block in re.split(r"\n\s*\n", text.strip()) if block.strip())


def inline(text: str) -> Markup:
    """The marks inside of one line."""
    marked = html.escape(text, quote=False)
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", marked)
    marked = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked)
    return Markup(re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"<em>\1</em>", marked))


def _block(block: str) -> Markup:
    """A paragraph, and the list that may follow it."""
    lead, _, rest = _split(block)
    found = [element("p", inline(" ".join(lead.split())))] if lead.strip() else []
    if rest:
        tag = "ol" if rest[0].isdigit() else "ul"
        entries = re.split(r"(?m)^(?:- |[0-9]+\. )", rest)[1:]
        found.append(element(tag, *(element("li", inline(" ".join(entry.split()))) for entry in entries)))
    return join(found)


def _split(block: str) -> tuple[str, str, str]:
    first = re.search(r"(?m)^(?:- |[0-9]+\. )", block)
    return (block, "", "") if first is None else (block[: first.start()], "", block[first.start() :])


def _attribute(name: str, value: str | bool) -> str:
    return f" {name}" if value is True else f' {name.replace("_", "-")}="{html.escape(str(value))}"'
