"""The send door in Meta's shape, for one message and for many (hot path: answered before middleware and routing)."""

import re

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import State
from starlette.types import Receive, Scope

from services.gateway.graph import batches
from services.gateway.graph.answers import as_json, refused, success
from services.gateway.graph.batches import Batches
from services.gateway.graph.decoding import too_large
from services.gateway.graph.errors import GraphError
from services.gateway.graph.limits import BODY_BYTES_MAX
from services.gateway.graph.options import price_of, read_expiry, read_key
from services.gateway.graph.schemas import read_request
from services.gateway.graph.sends import Posting, ReadMark
from services.gateway.graph.service import Door
from services.gateway.tenants.authentication import visit_of_headers
from services.gateway.tenants.rate_headers import headers_of
from services.gateway.tenants.service import Visit
from services.kernel.answers import problem
from services.kernel.errors import TooLarge
from services.kernel.hot import Answer, Header, HotRoute, answer_of, check_length, first_values, one_value, read_body
from services.kernel.identifiers import text_of

BATCH_PATH = "/v1/messages:batch"
IDEMPOTENCY_KEY = "Idempotency-Key"
EXPIRES_IN = "X-Vestnik-Expires-In"
MAX_PRICE = "X-Vestnik-Max-Price"

# What a refusal of a whole batch is called: that route answers in the house's own shape, its results in Meta's.
_PROBLEMS = {
    400: (422, "invalid"),
    401: (401, "unauthorized"),
    403: (403, "forbidden"),
    429: (429, "too_many_requests"),
    503: (503, "unavailable"),
}
_DOOR = re.compile(r"/v[0-9]{1,3}\.[0-9]{1,2}/[^/]+/messages")


class GraphVersion(Convertor[str]):
    """Any version of the Graph API in a path: the shape of our answers does not depend on it."""

    regex = r"v[0-9]{1,3}\.[0-9]{1,2}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("graph_version", GraphVersion())


async def post_message(state: State, scope: Scope, receive: Receive) -> Answer:
    """Meta's success shape with our id, given after Kafka's acknowledgement; every refusal in Meta's envelope."""
    headers: list[Header] = scope["headers"]
    firsts = first_values(headers)
    visit = visit_of_headers(firsts, scope)
    try:
        check_length(firsts, BODY_BYTES_MAX)
        content = await _post(state.door, visit, scope, firsts, receive)
    except TooLarge:
        return refused(too_large(), headers_of(visit))
    except GraphError as error:
        return refused(error, headers_of(visit))
    return as_json(content, headers_of(visit))


async def _post(
    door: Door, visit: Visit, scope: Scope, firsts: dict[bytes, bytes], receive: Receive
) -> dict[str, object]:
    headers: list[Header] = scope["headers"]
    principal = await door.enter(visit)
    phone_number_id: str = scope["path"].split("/")[2]
    idempotency_key = read_key(one_value(headers, firsts, b"idempotency-key"), IDEMPOTENCY_KEY)
    expires_in_seconds = read_expiry(one_value(headers, firsts, b"x-vestnik-expires-in"), EXPIRES_IN)
    read = read_request(await read_body(receive, BODY_BYTES_MAX))
    if isinstance(read, ReadMark):
        await door.mark_read(principal, phone_number_id, read)
        return {"success": True}
    max_price = price_of(one_value(headers, firsts, b"x-vestnik-max-price"), MAX_PRICE)
    if max_price is not None and read.max_price_micros is None:
        read = msgspec.structs.replace(read, max_price_micros=max_price)
    message_id = await door.accept(principal, Posting(phone_number_id, read, idempotency_key, expires_in_seconds))
    return success(read, text_of(message_id))


async def post_batch(state: State, scope: Scope, receive: Receive) -> Answer:
    """`{"results": [...]}` in the order of the messages, 200 also where all were refused."""
    firsts = first_values(scope["headers"])
    visit = visit_of_headers(firsts, scope)
    check_length(firsts, batches.BYTES_MAX)
    door: Door = state.door
    shelf: Batches = state.batches
    try:
        principal = await door.admit(visit)
        with shelf.room(principal.tenant_id):
            results = await shelf.post(principal, await read_body(receive, batches.BYTES_MAX))
    except GraphError as error:
        status, code = _PROBLEMS[error.status]
        response = problem(status, code, error.message, retry_after_seconds=error.retry_after_seconds)
        response.raw_headers += headers_of(visit)
        return answer_of(response)
    return as_json({"results": results}, headers_of(visit))


hot_routes = (
    HotRoute("/{version:graph_version}/{phone_number_id}/messages", _DOOR.fullmatch, post_message),
    HotRoute(BATCH_PATH, BATCH_PATH.__eq__, post_batch),
)
