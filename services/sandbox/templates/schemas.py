"""What is known of a template."""

import re
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Category = Literal["marketing", "utility", "authentication"]
Status = Literal["APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED"]
Component = dict[str, Any]

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


def placeholders(text: str) -> tuple[str, ...]:
    """The names between double braces, each once, in the order of their first appearance."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def fill(text: str, values: dict[str, str]) -> str:
    """The text with every placeholder that has a value replaced by it."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


class Template(BaseModel):
    """Once a template of a name is known, another language, parameter count or component is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    category: Category = Field(description="Prices the message.")
    language: str | None = Field(default=None, max_length=15, description="Left out: any language passes.")
    body_parameters: int | None = Field(
        default=None, ge=0, le=100, description="How many values the body takes; counted from `components` if given."
    )
    waba_id: str = Field(default="", pattern=r"^\d{0,20}$", description="The account; empty: every account has it.")
    components: list[Component] | None = Field(
        default=None, max_length=20, description="Meta's own components; with them header, names and buttons count too."
    )
    parameter_format: Literal["POSITIONAL", "NAMED"] = "POSITIONAL"
    status: Status = "APPROVED"
    id: str = Field(default="", pattern=r"^\d{0,20}$")

    @cached_property
    def header(self) -> Component | None:
        return self._component("HEADER")

    @cached_property
    def buttons(self) -> list[Component]:
        found = (self._component("BUTTONS") or {}).get("buttons")
        return found if isinstance(found, list) else []

    @cached_property
    def body_text(self) -> str:
        return str((self._component("BODY") or {}).get("text") or "")

    @cached_property
    def body_names(self) -> tuple[str, ...] | None:
        """The placeholders of the body; None if the text is not known."""
        return placeholders(self.body_text) if self.components is not None else None

    @cached_property
    def values_expected(self) -> int | None:
        """How many values the body takes; None if nobody said. A code of an authentication template is one."""
        if self.components is None:
            return self.body_parameters
        if self.category == "authentication":
            return 1
        return len(self.body_names or ())

    def _component(self, kind: str) -> Component | None:
        return next((one for one in self.components or () if str(one.get("type", "")).upper() == kind), None)


class Named(BaseModel):
    name: str
    template: Template


class Catalogue(BaseModel):
    """Every template, as they stand in the file."""

    templates: list[Named] = Field(default_factory=list)
