"""The door to callbacks for other slices: facts are queued here, and tenants' endpoints and secrets are known here."""

from services.gateway.callbacks.addresses import AddressRules, is_allowed
from services.gateway.callbacks.bundles import CallbackFact, StoredFact, decode
from services.gateway.callbacks.errors import BadCallbackUrl
from services.gateway.callbacks.management import create_secret, endpoint, hurry, set_url
from services.gateway.callbacks.notices import tell_disabled
from services.gateway.callbacks.queue import enqueue, listen, wake
from services.gateway.callbacks.signing_secrets import PURPOSE, open_secrets
from services.gateway.callbacks.urls import check_url

__all__ = [
    "PURPOSE",
    "AddressRules",
    "BadCallbackUrl",
    "CallbackFact",
    "StoredFact",
    "check_url",
    "create_secret",
    "decode",
    "endpoint",
    "enqueue",
    "hurry",
    "is_allowed",
    "listen",
    "open_secrets",
    "set_url",
    "tell_disabled",
    "wake",
]
