"""What an act on API keys can be refused for."""

from collections.abc import Collection

from services.kernel.errors import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable


class KeyNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("there is no such API key: see GET /v1/api-keys")


class ScopesNotHeld(Forbidden):
    """A key can hand on only what it has itself."""

    def __init__(self, missing: Collection[str]) -> None:
        super().__init__(f"scopes: this API key lacks {', '.join(sorted(missing))} itself, so it cannot grant them")


class NoLongerValid(Unauthorized):
    """The door may let a key in for seconds after its end; it must not make a key that outlives it."""

    def __init__(self) -> None:
        super().__init__("this API key was revoked or has expired: use another key")


class NotForTestKeys(Unprocessable):
    def __init__(self) -> None:
        super().__init__("scopes: a key of mode test cannot have keys; test keys are managed with live keys")


class NotForTwins(Conflict):
    def __init__(self) -> None:
        super().__init__("this tenant is a test twin: give its parent a key, which can make keys of mode test")


class RateTooHigh(Unprocessable):
    def __init__(self, most: int) -> None:
        super().__init__(f"rate_per_second: at most {most} requests a second with one key")


class AlreadyOver(Unprocessable):
    def __init__(self) -> None:
        super().__init__("valid_until: must be in the future")


class TooManyKeys(Conflict):
    def __init__(self, most: int) -> None:
        super().__init__(f"you have {most} API keys that are not revoked or expired: revoke one that you do not use")


class TooManyRevokedKeys(Conflict):
    def __init__(self, most: int, days: int) -> None:
        super().__init__(f"you have made more than {most} API keys within {days} days: ask your provider")


class LastManagingKey(Conflict):
    """Without it the tenant could not make another key."""

    def __init__(self) -> None:
        super().__init__(
            "this is your last usable API key with the scope keys: without it you could not make another one. "
            "Create or rotate one first"
        )


class NotRotatable(Conflict):
    def __init__(self, why: str) -> None:
        super().__init__(f"this API key {why}: create a new one, or rotate the one that replaced it")
