"""What an API key may do, and which world it belongs to."""

from typing import Literal, get_args

Mode = Literal["live", "test"]
Scope = Literal[
    "messages:send",
    "messages:read",
    "media",
    "account:read",
    "account:write",
    "consents",
    "callbacks",
    "billing",
    "keys",
]

SCOPES: tuple[Scope, ...] = get_args(Scope)
