"""What consent and billing know of a message: asked when a tenant reads it, because neither is written to its row."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from services.kernel.client import InternalClient
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger

PATIENCE_SECONDS = 1.0  # for both together; an owner that takes longer is left out
TRACE = "trace"
CHARGES = "charges"

_log = get_logger()
T = TypeVar("T")


class Step(msgspec.Struct, frozen=True):
    """A rule that was asked, with its words."""

    rule: str
    version: int
    outcome: str
    facts: dict[str, Any]
    text: str
    text_ru: str


class Decision(msgspec.Struct, frozen=True):
    """Consent's word on a message."""

    outcome: Literal["cleared", "refused"]
    decided_at: datetime
    trace: list[Step]


class Charge(msgspec.Struct, frozen=True):
    """What became of the money: `captured_at` when it was earned, `returned_at` when it went back."""

    captured_at: datetime | None = None
    returned_at: datetime | None = None


class Known(NamedTuple):
    """What the owners said; None where they know nothing. `incomplete` names what nobody answered for."""

    decision: Decision | None = None
    charge: Charge | None = None
    incomplete: tuple[str, ...] = ()


class Part(NamedTuple, Generic[T]):
    """One owner's answer: `value` is None also where it knows nothing of the message."""

    value: T | None
    is_answered: bool = True


class Owners:
    """Asks the owners of what a message's row does not hold."""

    def __init__(self, clients: Mapping[str, InternalClient]) -> None:
        """`clients` by the name of the service."""
        self._clients = clients

    async def ask(self, tenant_id: UUID, message_id: UUID, *, is_funded: bool) -> Known:
        """Ask both at once; before a message is funded there is no charge to ask for."""
        charges = f"/internal/tenants/{tenant_id}/charges/{message_id}"
        decision, charge = await asyncio.gather(
            self._ask("consent", f"/internal/tenants/{tenant_id}/decisions/{message_id}", Decision),
            self._ask("billing", charges, Charge) if is_funded else _nothing(),
        )
        missing = ((TRACE, decision.is_answered), (CHARGES, charge.is_answered))
        return Known(decision.value, charge.value, tuple(name for name, is_answered in missing if not is_answered))

    async def _ask(self, service: str, path: str, type_: type[T]) -> Part[T]:
        try:
            answer = await self._clients[service].exchange("GET", path, timeout_seconds=PATIENCE_SECONDS)
            if answer.status == 404:
                return Part(None)
            if answer.status == 200:
                return Part(msgspec.json.decode(answer.body, type=type_))
            _log.warning("an owner refused to say what it knows", audience=service, status=answer.status)
        except (ServiceError, msgspec.MsgspecError) as error:
            _log.warning("an owner does not say what it knows", audience=service, error_class=type(error).__name__)
        return Part(None, is_answered=False)


async def _nothing() -> Part[Charge]:
    return Part(None)
