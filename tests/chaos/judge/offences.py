"""What the judge can find: a closed set of kinds, and one finding."""

from typing import NamedTuple

KINDS = {
    "lost": "answered 200, and nobody knows how it ended: neither the tenant nor the API",
    "stuck": "the API still shows it under way",
    "sent_twice": "Meta took it more than once",
    "sent_unasked": "Meta got a message that no client asked for",
    "charged_twice": "one message has two charges",
    "charged_wrong": "a charge without delivery, a delivery without charge, or another amount than the price",
    "ledger": "wallet, held and charges do not add up to what was paid in",
    "sent_after_stop": "Meta got it although the person had taken the consent back",
    "sent_after_stop_frozen": "the same, while a worker or its way to Meta stood still or was slow",
    "callbacks_missing": "a fact that the tenant's endpoint was never told",
    "callback_id_changed": "one fact under two event ids, or one event id with two contents",
    "cross_tenant": "one tenant saw or used what is another's",
    "disorder": "told or sent in another order than it happened",
    "regressed": "the API says less than what the tenant was told",
    "contradicted": "tenant, API and Meta say what cannot all be true",
}
# interfaces.md counts it apart: no program can see a withdrawal while it stands still.
TOLERATED = frozenset({"sent_after_stop_frozen"})


class Offence(NamedTuple):
    """One broken promise: about a message, else about a person (digits), else about the whole tenant.

    `beside` is another message whose history belongs to it.
    """

    kind: str
    tenant: str | None
    what: str
    message_id: str | None = None
    person: str | None = None
    beside: str | None = None

    @property
    def message_ids(self) -> frozenset[str]:
        return frozenset(one for one in (self.message_id, self.beside) if one is not None)
