"""Whether an account, and one of its numbers, may have anything done at Meta (hot path)."""

from services.gateway.graph.errors import Locked
from services.gateway.tenants.service import ApiPrincipal, Number


def check_account(principal: ApiPrincipal) -> None:
    """Raises Locked for the key of a suspended tenant."""
    if principal.tenant_state != "active":
        raise Locked("Your account is suspended: ask your provider.")


def check_number(number: Number) -> None:
    """Raises Locked for a suspended number."""
    if number.state != "active":
        raise Locked("This number is suspended: ask your provider.")
