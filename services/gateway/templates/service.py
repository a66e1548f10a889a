"""Templates: registered as Meta approved them, looked up by the send door."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.cache import Remembered
from services.gateway.templates import repository
from services.gateway.templates.errors import TemplateExists, WrongParameterCount
from services.gateway.templates.shapes import Shape, compile_shape, count_parameters
from services.kernel.contracts.messages import Category
from services.kernel.db import Database
from services.kernel.identifiers import uuid7

__all__ = ["Catalogue", "Template", "TemplateKey", "add_template", "count_parameters"]

FRESH_SECONDS = 5.0  # a paused template stops being sent after this time at the latest
TEMPLATES_MAX = 100_000

APPROVED = "approved"


class TemplateKey(NamedTuple):
    tenant_id: UUID
    waba_id: str
    name: str
    language: str


class Template(NamedTuple):
    id: UUID
    category: Category
    state: str
    version: int
    body_parameters: int
    shape: Shape | None = None  # None when it was registered without components


class Catalogue:
    """Templates as the database has them, remembered for seconds and during its outages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._templates: Remembered[TemplateKey, Template] = Remembered(
            self._load, fresh_seconds=FRESH_SECONDS, entries_max=TEMPLATES_MAX, load_many=self._load_many
        )

    async def approved(self, key: TemplateKey) -> Template | None:
        """The template if it may be sent; Unavailable when the database is down and it was not used before."""
        template = await self._templates.get(key)
        return template if template is not None and template.state == APPROVED else None

    async def _load(self, key: TemplateKey) -> Template | None:
        return (await self._load_many([key])).get(key)

    async def _load_many(self, keys: Sequence[TemplateKey]) -> dict[TemplateKey, Template]:
        async with self._database.transaction() as connection:
            rows = await repository.find(connection, keys)
        return {TemplateKey(row.tenant_id, row.waba_id, row.name, row.language): _template(row) for row in rows}


def _template(row: Row[Any]) -> Template:
    shape = compile_shape(row.category, row.components)
    return Template(row.id, row.category, row.state, row.version, row.body_parameters, shape)


async def add_template(
    connection: AsyncConnection,
    *,
    key: TemplateKey,
    category: Category,
    components: Sequence[dict[str, Any]],
    body_parameters: int | None = None,
) -> UUID:
    """Register a template that Meta approved; raises TemplateExists, WrongParameterCount. Returns its id."""
    shape = compile_shape(category, components)
    counted = shape.body.size if shape else 0
    if components and body_parameters not in (None, counted):
        raise WrongParameterCount(body_parameters or 0, counted)
    template_id = uuid7()
    values = {
        "id": template_id,
        "category": category,
        "body_parameters": counted if components else body_parameters or 0,
        "components": msgspec.json.encode(components).decode(),
        **key._asdict(),
    }
    if await repository.add(connection, values) is None:
        raise TemplateExists(key.name, key.language)
    return template_id
