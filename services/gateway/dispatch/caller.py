"""From a claimed row to a result: open the body, call Meta, read the fate (hot path)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row

from services.gateway import places
from services.gateway.dispatch import metrics
from services.gateway.dispatch.fates import Action, fate_of
from services.gateway.dispatch.graph_client import Accepted, Ambiguous, GraphClient, NotSent, Refused
from services.gateway.dispatch.results import Result
from services.gateway.keys.service import Keyring
from services.gateway.messages.reasons import reason_of
from services.gateway.tenants.service import Directory, Mode
from services.kernel import crypto
from services.kernel.errors import DEPENDENCY_ERRORS, ServiceError, is_retryable
from services.kernel.logging import get_logger

NOT_SENT_DELAY_SECONDS = 0.5
# While Meta cannot be reached: doubled at each attempt up to this.
NOT_SENT_DELAY_MAX_SECONDS = 8.0
# A person must act first: a key is missing.
HELP_DELAY_SECONDS = 60.0
# Claims leave the messages of a number alone that is switched off; what we remember of it is some seconds older.
SUSPENDED_DELAY_SECONDS = 5.0
PURPOSE = "messages"
OPAQUE = b"biz_opaque_callback_data"

_log = get_logger()


class Attempt(NamedTuple):
    """A started attempt: the claimed row, its number, when consent was asked for it, and the sealed request."""

    row: Row[Any]
    number: int
    asked_at: datetime
    body: bytes


class _Call(NamedTuple):
    graph: GraphClient
    access_token: str
    request: bytes
    wamid_place: crypto.Place
    sealing_key: crypto.Key
    index_key: bytes

    def __repr__(self) -> str:
        return "_Call()"


class Caller:
    """Calls Meta for claimed messages with the number's own token and our id as biz_opaque_callback_data.

    `graphs` leads to Meta for live numbers and to the sandbox for those of mode test.
    """

    def __init__(self, *, graphs: Mapping[Mode, GraphClient], keyring: Keyring, directory: Directory) -> None:
        self._graphs = graphs
        self._keyring = keyring
        self._directory = directory

    async def call(self, attempt: Attempt, *, start_before: float) -> Result:
        """What became of one started attempt; never raises for what Meta or the network did."""
        row = attempt.row
        try:
            call = await self._prepare(attempt)
        except (*DEPENDENCY_ERRORS, ServiceError, crypto.CannotOpen) as error:
            _log.error("call cannot be prepared", message_id=row.message_id, error_class=type(error).__name__)
            return not_sent(attempt, NOT_SENT_DELAY_SECONDS if is_retryable(error) else HELP_DELAY_SECONDS)
        if call is None:
            return not_sent(attempt, SUSPENDED_DELAY_SECONDS)
        answer = await call.graph.send(
            phone_number_id=row.phone_number_id,
            access_token=call.access_token,
            body=call.request,
            start_before=start_before,
        )
        match answer:
            case Accepted(wamid):
                return _sent(attempt, wamid, call)
            case Refused(code):
                return _refused(attempt, code)
            case NotSent(why):
                _log.info("call did not begin", message_id=row.message_id, attempt=attempt.number, reason=why)
                return not_sent(attempt, _pause(attempt.number))
            case Ambiguous(why):
                _log.warning("send is ambiguous", message_id=row.message_id, attempt=attempt.number, reason=why)
                return _result(attempt, outcome="unknown")

    async def _prepare(self, attempt: Attempt) -> _Call | None:
        """Everything that the call and its answer need, so that nothing can fail after it; None: the number is off."""
        row = attempt.row
        number = await self._directory.number(row.phone_number_id)
        if number is None or number.state != "active":
            return None
        newest = opening = await self._keyring.key(row.tenant_id, PURPOSE)
        if newest.id != (key_id := crypto.sealed_key_id(attempt.body)):
            opening = await self._keyring.opening_key(row.tenant_id, PURPOSE, key_id)
        name = str(row.message_id)
        request = crypto.open_sealed(opening, places.message_body(row.tenant_id, name), attempt.body)
        return _Call(
            graph=self._graphs[number.mode],
            access_token=number.access_token,
            request=_named(request, name),
            wamid_place=places.message_wamid(row.tenant_id, name),
            sealing_key=newest,
            index_key=await self._keyring.index_key(row.tenant_id),
        )


def _named(request: bytes, message_id: str) -> bytes:
    """The request under our id; the tenant's own opaque data stays with us.

    A request is canonical JSON, in which no name is escaped: one that says nothing of it needs no decoding.
    """
    if OPAQUE not in request and request.startswith(b'{"') and request.endswith(b"}"):
        return b'%s,"%s":"%s"}' % (request[:-1], OPAQUE, message_id.encode())
    return msgspec.json.encode({**msgspec.json.decode(request), OPAQUE.decode(): message_id})


def _sent(attempt: Attempt, wamid: str, call: _Call) -> Result:
    # A real wamid holds the person's phone number in base64: it is indexed and sealed like one.
    return _result(
        attempt,
        outcome="sent",
        wamid_index=crypto.blind_index(call.index_key, "wamid", wamid),
        wamid=crypto.seal(call.sealing_key, call.wamid_place, wamid.encode()),
    )


def not_sent(attempt: Attempt, delay_seconds: float = NOT_SENT_DELAY_SECONDS) -> Result:
    """The call certainly did not begin: the message goes back into the queue."""
    return _result(attempt, outcome="requeue", delay_seconds=delay_seconds, refund=1)


def _pause(attempt: int) -> float:
    return min(NOT_SENT_DELAY_SECONDS * 2.0 ** min(attempt - 1, 10), NOT_SENT_DELAY_MAX_SECONDS)


def _refused(attempt: Attempt, code: int) -> Result:
    metrics.GRAPH_ERRORS.labels(str(code)).inc()
    row, fate = attempt.row, fate_of(code, attempt.number)
    if fate.is_alert:
        metrics.ALERTS.labels(str(code)).inc()
        _log.error("Meta needs a person's attention", message_id=row.message_id, tenant_id=row.tenant_id, code=code)
    match fate.action:
        case Action.RETRY:
            return _result(attempt, outcome="requeue", delay_seconds=fate.delay(attempt.number), parks=fate.parks)
        case Action.FAIL:
            return _result(attempt, outcome="failed", code=code, reason=reason_of(code))
        case Action.UNKNOWN:
            _log.warning("send is ambiguous", message_id=row.message_id, attempt=attempt.number, code=code)
            return _result(attempt, outcome="unknown")


def _result(attempt: Attempt, **outcome: Any) -> Result:
    row = attempt.row
    return Result(
        tenant_id=row.tenant_id,
        message_id=row.message_id,
        phone_number_id=row.phone_number_id,
        person=row.person,
        attempt=attempt.number,
        asked_at=attempt.asked_at,
        **outcome,
    )
