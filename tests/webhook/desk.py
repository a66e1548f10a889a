"""The reading of webhooks without door and broker: what each part of a body becomes, told in short words."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from services.kernel.contracts import Event
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.contracts.platform import PersonRenamed
from services.kernel.settings import KafkaSettings
from services.kernel.tenants import TenantDirectory
from services.webhook.intake.service import judge
from services.webhook.parts.service import Facts, Held, Ignored, Outcome, Tally
from services.webhook.signatures.service import SignedFor
from tests.webhook.door import Boxes, Tenant

PAYLOADS = Path(__file__).parent / "payloads"
LIVE: SignedFor = frozenset({"live"})
ARRAYS = {
    "messages": ("statuses", "messages", "errors"),
    "user_preferences": ("user_preferences",),
    "user_id_update": ("user_id_update",),
}
#: The field of a fact that tells one case from another.
TELLING = ("type", "event", "decision", "quality", "status", "category", "conversations_a_day", "code")


class Read(NamedTuple):
    """What became of one body."""

    tally: Tally
    outcomes: list[Outcome]

    @property
    def facts(self) -> list[Event]:
        return [fact for outcome in self.outcomes if isinstance(outcome, Facts) for fact in outcome.events]

    @property
    def held(self) -> list[Held]:
        return [outcome for outcome in self.outcomes if isinstance(outcome, Held)]

    @property
    def words(self) -> list[str]:
        return [word for outcome in self.outcomes for word in _words(outcome)]


class Desk:
    """A directory of tenants, as the process holds it in memory."""

    def __init__(self, *tenants: Tenant) -> None:
        self.boxes = Boxes()
        self.directory = TenantDirectory(
            KafkaSettings(bootstrap_servers="unused:9"), service="webhook", private_key=self.boxes.webhook[0]
        )
        self.know(*tenants)

    def know(self, *tenants: Tenant) -> None:
        for tenant in tenants:
            for fact in tenant.facts(self.boxes.webhook[1]):
                self.directory.apply(fact)

    def read(self, body: bytes, signed_for: SignedFor = LIVE) -> Read:
        tally = Tally()
        return Read(tally, list(judge(self.directory, body, signed_for, tally)))


def expected() -> dict[str, list[str]]:
    """What each payload of the repository becomes, by "field/case"."""
    found: dict[str, list[str]] = json.loads((PAYLOADS / "expected.json").read_text(encoding="utf-8"))
    return found


def payload(case: str, tenant: Tenant, *, wamid: str = "wamid.of.this.one") -> bytes:
    """The bytes of a payload, about a tenant's number and WABA."""
    text = (PAYLOADS / f"{case}.json").read_text(encoding="utf-8")
    names = {
        "DISPLAY_PHONE_NUMBER": tenant.display.removeprefix("+"),
        "PHONE_NUMBER_ID": tenant.phone_number_id,
        "WABA_ID": tenant.waba_id,
        "WAMID": wamid,
    }
    for name, value in names.items():
        text = text.replace(f'"{name}"', json.dumps(value))
    return text.encode()


def parts_in(body: Any) -> int:
    """How many parts a webhook has, counted without our code: an empty entry or value counts as one."""
    entries = body.get("entry")
    if body.get("object", "whatsapp_business_account") != "whatsapp_business_account" or not entries:
        return 1
    return sum(sum(map(_parts_of, entry["changes"])) or 1 for entry in entries)


def _parts_of(change: dict[str, Any]) -> int:
    arrays = ARRAYS.get(change.get("field", ""), ())
    return sum(len(change["value"].get(name) or ()) for name in arrays) or 1


def _words(outcome: Outcome) -> Iterator[str]:
    match outcome:
        case Ignored():
            yield f"ignored {outcome.reason}"
        case Held():
            yield from [f"held {outcome.reason}"] * outcome.parts
        case Facts():
            yield from map(_word, outcome.events)


def _word(fact: Event) -> str:
    if isinstance(fact, InboundReceived):
        return " ".join((fact.TYPE, fact.kind, *fact.signals))
    if isinstance(fact, PersonRenamed):
        return f"{fact.TYPE} {fact.previous.kind}>{fact.current.kind}"
    if fact.TYPE.startswith("preference"):
        return f"{fact.TYPE} {fact.value}"  # type: ignore[attr-defined]  # only this type has it
    told = (getattr(fact, name, None) for name in TELLING)
    return " ".join((fact.TYPE, *(str(word) for word in [next(filter(None, told), None)] if word)))
