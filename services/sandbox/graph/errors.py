"""A refusal in Meta's error envelope."""

import secrets

import msgspec

from services.sandbox.codes import code_of


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

    def body(self) -> bytes:
        error = {
            "message": f"(#{self.code}) {self.title}",
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": "A" + secrets.token_urlsafe(15),
        }
        return msgspec.json.encode({"error": error})
