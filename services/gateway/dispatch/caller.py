"""From a claimed row to a result: open the body, call Meta, read the fate (hot path)."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row

from services.gateway.dispatch import metrics
from services.gateway.dispatch.fates import Action, fate_of
from services.gateway.dispatch.graph_client import Accepted, Ambiguous, GraphClient, NotSent, Refused
from services.gateway.dispatch.results import Result
from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import Directory
from services.kernel import crypto
from services.kernel.logging import get_logger

NOT_SENT_DELAY_SECONDS = 0.5
NUMBER_GONE_DELAY_SECONDS = 60.0
PURPOSE = "messages"

_log = get_logger()


class Caller:
    """Calls Meta for claimed messages with the number's own token and our id as biz_opaque_callback_data."""

    def __init__(self, *, graph: GraphClient, keyring: Keyring, directory: Directory) -> None:
        self._graph = graph
        self._keyring = keyring
        self._directory = directory

    async def call(self, row: Row[Any], attempt: int, *, start_before: float) -> Result:
        """What became of one started attempt; never raises for what Meta or the network did."""
        number = await self._directory.number(row.phone_number_id)
        if number is None or number.state != "active":
            return _result(row, attempt, outcome="requeue", delay_seconds=NUMBER_GONE_DELAY_SECONDS, refund=1)
        answer = await self._graph.send(
            phone_number_id=row.phone_number_id,
            access_token=number.access_token,
            body=await self._request(row),
            start_before=start_before,
        )
        match answer:
            case Accepted(wamid):
                return await self._sent(row, attempt, wamid)
            case Refused(code):
                return _refused(row, attempt, code)
            case NotSent(why):
                _log.info("call did not begin", message_id=row.message_id, attempt=attempt, reason=why)
                return _result(row, attempt, outcome="requeue", delay_seconds=NOT_SENT_DELAY_SECONDS, refund=1)
            case Ambiguous(why):
                _log.warning("send is ambiguous", message_id=row.message_id, attempt=attempt, reason=why)
                return _result(row, attempt, outcome="unknown")

    async def _request(self, row: Row[Any]) -> bytes:
        """The tenant's request as Meta should see it; the tenant's own opaque data stays with us."""
        key = await self._keyring.opening_key(row.tenant_id, PURPOSE, crypto.sealed_key_id(row.body))
        place = crypto.Place(row.tenant_id, "messages", "body", str(row.message_id))
        request = msgspec.json.decode(crypto.open_sealed(key, place, row.body))
        return msgspec.json.encode({**request, "biz_opaque_callback_data": str(row.message_id)})

    async def _sent(self, row: Row[Any], attempt: int, wamid: str) -> Result:
        # A real wamid holds the person's phone number in base64: it is indexed and sealed like one.
        key = await self._keyring.key(row.tenant_id, PURPOSE)
        place = crypto.Place(row.tenant_id, "messages", "wamid", str(row.message_id))
        return _result(
            row,
            attempt,
            outcome="sent",
            wamid_index=crypto.blind_index(await self._keyring.index_key(row.tenant_id), "wamid", wamid),
            wamid=crypto.seal(key, place, wamid.encode()),
        )


def _refused(row: Row[Any], attempt: int, code: int) -> Result:
    metrics.GRAPH_ERRORS.labels(str(code)).inc()
    fate = fate_of(code, attempt)
    if fate.is_alert:
        metrics.ALERTS.labels(str(code)).inc()
        _log.error("Meta needs a person's attention", message_id=row.message_id, tenant_id=row.tenant_id, code=code)
    match fate.action:
        case Action.RETRY:
            return _result(row, attempt, outcome="requeue", delay_seconds=fate.delay(attempt))
        case Action.FAIL:
            return _result(row, attempt, outcome="failed", code=code, reason=_reason(code))
        case Action.UNKNOWN:
            _log.warning("send is ambiguous", message_id=row.message_id, attempt=attempt, code=code)
            return _result(row, attempt, outcome="unknown")


def _reason(code: int) -> str:
    return {131047: "window_closed", 131050: "withdrawn"}.get(code, "meta_refused")


def _result(row: Row[Any], attempt: int, **outcome: Any) -> Result:
    message_id: UUID = row.message_id
    return Result(
        tenant_id=row.tenant_id,
        message_id=message_id,
        phone_number_id=row.phone_number_id,
        person=row.person,
        attempt=attempt,
        **outcome,
    )
