"""A refusal in Meta's error envelope."""

import secrets

import msgspec

from services.sandbox.codes import code_of

OAUTH = "OAuthException"
GRAPH_METHOD = "GraphMethodException"
UNKNOWN_OBJECT = 33  # the subcode of an id that does not exist, or does not support what was asked


class GraphError(Exception):
    """A code of Meta's table, with words of our own where the table's are too general."""

    def __init__(self, code: int, details: str | None = None, *, is_of_message: bool = True) -> None:
        super().__init__(code)
        known = code_of(code)
        self.code = code
        self.is_of_message = is_of_message  # read marks are not messages and are not recorded
        self.status = known.status
        self.title = known.title
        self.details = details or known.details
        self.type = OAUTH
        self.subcode: int | None = None

    def body(self) -> bytes:
        error: dict[str, object] = {
            "message": f"(#{self.code}) {self.title}",
            "type": self.type,
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": "A" + secrets.token_urlsafe(15),
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return msgspec.json.encode({"error": error})


def no_such_object(node_id: str, method: str = "get") -> GraphError:
    """What Meta says of an id that it does not know, or knows and does not show."""
    error = GraphError(
        100,
        f"Object with ID '{node_id}' does not exist, cannot be loaded due to missing permissions, "
        "or does not support this operation.",
    )
    error.title = f"Unsupported {method} request"
    error.type, error.subcode = GRAPH_METHOD, UNKNOWN_OBJECT
    return error
