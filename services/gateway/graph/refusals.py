"""What Meta's answers to the cold routes mean for the tenant that asked."""

from services.gateway.graph.errors import Down, GraphError, InvalidParameter, RateLimited
from services.gateway.upstream.service import UpstreamAnswer
from services.kernel.logging import get_logger

RETRY_AFTER_SECONDS = 60  # Meta counts its limits of management calls in windows of an hour (whatsapp-cloud-api 4)
TOKEN_CODES = frozenset({0, 3, 10, 102, 190, 200})  # our token, or what it may do: nothing that the tenant could mend
RATE_CODES = frozenset({4, 17, 32, 613, 80007, 80008, 130429})
SERVER_CODES = frozenset({1, 2, 131000, 131016})

_log = get_logger()


class RefusedByMeta(GraphError):
    """Meta's own code and words, where they speak of what the tenant gave."""

    def __init__(self, details: str, *, code: int, title: str) -> None:
        super().__init__(details)
        self.graph_code = code
        self.title = title


def refusal_of(answer: UpstreamAnswer) -> GraphError:
    """The error for an answer that is not `ok`; what concerns our token or Meta's health never says more than that."""
    code = answer.code
    if code in TOKEN_CODES:
        _log.error("Meta needs a person's attention", code=code)
        return Down("We could not speak to Meta for this number: your provider was told. Try again later.")
    if code in RATE_CODES or answer.status == 429:
        return RateLimited(
            "Meta takes no more of these requests now: slow down.", retry_after_seconds=RETRY_AFTER_SECONDS
        )
    if code is None or code in SERVER_CODES or answer.status >= 500:
        return Down("Meta could not answer: try again.", retry_after_seconds=1)
    if code == InvalidParameter.graph_code:
        return InvalidParameter(answer.details)
    return RefusedByMeta(answer.details, code=code, title=answer.title)
