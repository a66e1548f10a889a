"""Reads of numbers, accounts, templates and profiles: ours from our tables, Meta's through the number's own token."""

import asyncio
import re
from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from services.gateway.graph.errors import InvalidParameter, NoSuchObject, NotAllowed
from services.gateway.graph.refusals import refusal_of
from services.gateway.graph.standing import check_account, check_number
from services.gateway.media.service import Shelf, media_uuid
from services.gateway.reading import paging, repository
from services.gateway.reading.fields import ACCOUNT, NUMBER, PROFILE, TEMPLATE, picked
from services.gateway.reading.paging import Turn
from services.gateway.templates.shapes import compile_shape
from services.gateway.tenants.service import ApiPrincipal, Directory, Number
from services.gateway.upstream.service import Upstream
from services.kernel.db import Database
from services.kernel.errors import ServiceError

NUMBERS_PAGE_MAX = 25  # each may cost a call to Meta
CALLS_AT_ONCE = 5
TEMPLATES_MAX = 6_000  # Meta's limit for a verified business's account
SUMMARIES = ("total_count", "message_template_count", "message_template_limit", "are_translations_complete")

_META_ID = re.compile(r"[0-9]{1,32}")

Json = dict[str, Any]


class TemplateFilter(NamedTuple):
    """Empty ones let everything pass; a name may be a part of one."""

    name: str | None = None
    languages: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()


class Reader:
    """Answers in Meta's shape. What is another tenant's is answered like what does not exist: NoSuchObject."""

    def __init__(self, *, database: Database, directory: Directory, upstream: Upstream, media: Shelf) -> None:
        self._database = database
        self._directory = directory
        self._upstream = upstream
        self._media = media

    async def node(
        self, principal: ApiPrincipal, object_id: str, *, fields: str | None, phone_number_id: str | None
    ) -> Json:
        """A number, an account, a template or a file, by the kind of its id.

        Raises NoSuchObject, NotAllowed for a key without the kind's scope, and whatever Meta says.
        """
        if _META_ID.fullmatch(object_id):
            _require(principal, "account:read")
            return await self._number_or_account(principal.tenant_id, object_id, fields)
        own_id = media_uuid(object_id)
        if own_id is None:
            raise NoSuchObject("get")
        if "account:read" in principal.scopes and (row := await self._template(principal.tenant_id, own_id)):
            return _shown(row, TEMPLATE.chosen(fields))
        _require(principal, "media")
        described = await self._media.describe(principal.tenant_id, own_id, phone_number_id=phone_number_id)
        return described._asdict()

    async def numbers(self, tenant_id: UUID, waba_id: str, *, fields: str | None, turn: Turn) -> Json:
        """The tenant's own numbers of the account, at most 25 a page, in the order of their ids."""
        names = NUMBER.chosen(fields)
        after = paging.decode(turn.after, _meta_id)
        limit = min(turn.limit, NUMBERS_PAGE_MAX)
        await self._any_number(tenant_id, waba_id)
        async with self._database.transaction() as connection:
            ids = await repository.numbers_of_account(
                connection, tenant_id=tenant_id, waba_id=waba_id, after=after, count=limit + 1
            )
        gate = asyncio.Semaphore(CALLS_AT_ONCE)

        async def show(phone_number_id: str) -> Json:
            async with gate:
                return await self._shown_number(await self._number(tenant_id, phone_number_id), names)

        data = await _all_or_first_error([show(id_) for id_ in ids[:limit]])
        return paging.page(data, ids[:limit], turn._replace(limit=limit), is_last=len(ids) <= limit)

    async def templates(
        self,
        tenant_id: UUID,
        waba_id: str,
        wanted: TemplateFilter,
        *,
        fields: str | None,
        summary: str | None,
        turn: Turn,
    ) -> Json:
        """The tenant's templates of the account in the order of their registration, from our own tables."""
        names, totals = TEMPLATE.chosen(fields), _summaries(summary)
        parameters = {
            "tenant_id": tenant_id,
            "waba_id": waba_id,
            "name": wanted.name,
            "languages": list(wanted.languages) or None,
            "categories": [category.lower() for category in wanted.categories] or None,
            "statuses": list(wanted.statuses) or None,
            "after": paging.decode(turn.after, UUID),
            "count": turn.limit + 1,
        }
        await self._any_number(tenant_id, waba_id)
        async with self._database.transaction() as connection:
            rows = await repository.templates(connection, parameters)
            matching, known = await repository.counts(connection, parameters) if totals else (0, 0)
        shown = rows[: turn.limit]
        answer = paging.page(
            [_shown(row, names) for row in shown],
            [str(row.id) for row in shown],
            turn,
            is_last=len(rows) <= turn.limit,
        )
        if totals:
            values = dict(zip(SUMMARIES, (matching, known, TEMPLATES_MAX, True), strict=True))
            answer["summary"] = {name: values[name] for name in totals}
        return answer

    async def profile(self, tenant_id: UUID, phone_number_id: str, *, fields: str | None) -> Json:
        """`{"data": [profile]}` as Meta has it."""
        names = PROFILE.chosen(fields)
        number = await self._number(tenant_id, phone_number_id)
        body = await self._ask(number, f"/{phone_number_id}/whatsapp_business_profile", names)
        found = body.get("data")
        profiles = found if isinstance(found, list) else []
        return {"data": [picked(one, names) for one in profiles if isinstance(one, Mapping)]}

    async def change_profile(self, principal: ApiPrincipal, phone_number_id: str, changes: Json) -> None:
        """Pass a checked profile on to Meta; raises NoSuchObject, Locked, and whatever Meta says."""
        number = await self._number(principal.tenant_id, phone_number_id, method="post")
        check_account(principal)
        check_number(number)
        answer = await self._upstream.request(
            number, "POST", f"/{phone_number_id}/whatsapp_business_profile", json=changes
        )
        if not answer.ok:
            raise refusal_of(answer)

    async def _number_or_account(self, tenant_id: UUID, object_id: str, fields: str | None) -> Json:
        number = await self._directory.number(object_id)
        if number is not None and number.tenant_id == tenant_id:
            return await self._shown_number(number, NUMBER.chosen(fields))
        number = await self._any_number(tenant_id, object_id)
        names = ACCOUNT.chosen(fields)
        metas = tuple(name for name in names if name in ACCOUNT.metas)
        told = picked(await self._ask(number, f"/{object_id}", metas), metas) if metas else {}
        own = {"id": object_id}
        return _in_order(names, own | told)

    async def _shown_number(self, number: Number, names: tuple[str, ...]) -> Json:
        metas = tuple(name for name in names if name in NUMBER.metas)
        told = picked(await self._ask(number, f"/{number.phone_number_id}", metas), metas) if metas else {}
        own = {"id": number.phone_number_id, "display_phone_number": number.display_phone_number}
        return _in_order(names, own | told)

    async def _ask(self, number: Number, path: str, names: tuple[str, ...]) -> Mapping[str, Any]:
        answer = await self._upstream.request(number, "GET", path, params={"fields": ",".join(names)})
        if not answer.ok:
            raise refusal_of(answer)
        return answer.body

    async def _number(self, tenant_id: UUID, phone_number_id: str, *, method: str = "get") -> Number:
        number = await self._directory.number(phone_number_id)
        if number is None or number.tenant_id != tenant_id:
            raise NoSuchObject(method)
        return number

    async def _any_number(self, tenant_id: UUID, waba_id: str) -> Number:
        """One of the tenant's numbers in the account, whose token may read it; raises NoSuchObject."""
        if not _META_ID.fullmatch(waba_id):
            raise NoSuchObject("get")
        async with self._database.transaction() as connection:
            ids = await repository.numbers_of_account(
                connection, tenant_id=tenant_id, waba_id=waba_id, after=None, count=1
            )
        if not ids:
            raise NoSuchObject("get")
        return await self._number(tenant_id, ids[0])

    async def _template(self, tenant_id: UUID, template_id: UUID) -> Row[Any] | None:
        async with self._database.transaction() as connection:
            return await repository.template(connection, tenant_id=tenant_id, id_=template_id)


def _meta_id(text: str) -> str:
    if not _META_ID.fullmatch(text):
        raise ValueError("not an id of Meta's")
    return text


def _require(principal: ApiPrincipal, scope: str) -> None:
    if scope not in principal.scopes:
        raise NotAllowed(f"This API key lacks the scope {scope}: use a key that has it.")


def _in_order(names: tuple[str, ...], values: Mapping[str, Any]) -> Json:
    """The fields as they were asked for, and always the id, as Meta does."""
    return {name: values[name] for name in dict.fromkeys((*names, "id")) if name in values}


def _shown(row: Row[Any], names: tuple[str, ...]) -> Json:
    values = {
        "id": str(row.id),
        "name": row.name,
        "parameter_format": _parameter_format(row),
        "components": row.components,
        "language": row.language,
        "status": row.status,
        "category": row.category.upper(),
        "rejected_reason": (row.status_reason or "NONE") if row.status == "REJECTED" else "NONE",
    }
    if row.quality and row.quality_at:
        values["quality_score"] = {"score": row.quality.upper(), "date": int(row.quality_at.timestamp())}
    return _in_order(names, values)


def _parameter_format(row: Row[Any]) -> str:
    shape = compile_shape(row.category, row.components)
    is_named = shape is not None and any(blanks.names is not None for blanks in (shape.body, shape.header))
    return "NAMED" if is_named else "POSITIONAL"


def _summaries(given: str | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in (given or "").split(",") if name.strip()))
    if unknown := [name for name in names if name not in SUMMARIES]:
        raise InvalidParameter(f"summary: {', '.join(unknown)} is not known; choose from {', '.join(SUMMARIES)}.")
    return names


async def _all_or_first_error(asking: list[Coroutine[Any, Any, Json]]) -> list[Json]:
    """All answers; the first error ends the other questions."""
    failed: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in asking]
    except* ServiceError as errors:
        failed = errors.exceptions[0]
    if failed is not None:
        raise failed
    return [task.result() for task in tasks]
