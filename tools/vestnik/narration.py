"""Tells a message's way in words: one line for each thing that happened to it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

MEANINGS = {
    "accepted": "the gateway has it safely in Kafka, sealed with the tenant's key",
    "cleared": "allowed by",
    "funded": "billing has reserved the price",
    "sending": "the call to Meta begins",
    "sent": "Meta (here: the sandbox) has taken it",
    "delivered": "it is on the person's phone",
    "read": "the person has read it",
    "captured": "the price is charged",
    "released": "the price went back to the wallet",
    "called_back": "the tenant's software was told",
    "failed": "it will not be sent",
    "expired": "it was too late to send it",
    "unknown": "Meta may or may not have it; a status will tell",
}
COLOURS = {"failed": "red", "expired": "red", "unknown": "yellow"}


class Narration:
    """Prints the events of one message, each once, as they become known."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[str] = set()
        self._begun: datetime | None = None

    def tell(self, message: Mapping[str, Any]) -> set[str]:
        """Print what is new; return the types of all events so far."""
        for event in message["events"]:
            if event["type"] not in self._told:
                self._told.add(event["type"])
                self._line(event, message)
        return self._told

    def _line(self, event: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        kind, at = event["type"], datetime.fromisoformat(event["at"])
        self._begun = self._begun or at
        text = escape(MEANINGS.get(kind, "") + _detail(kind, message))
        colour = COLOURS.get(kind, "green")
        self._console.print(
            f"  [{colour}]{kind:<12}[/][dim]{_when(at, self._begun):>10}[/]  {text}", highlight=False, soft_wrap=True
        )


def _when(at: datetime, begun: datetime) -> str:
    """Our own times are told as milliseconds since the acceptance, Meta's, which are whole seconds, as they are."""
    return f"{(at - begun).total_seconds() * 1000:.0f} ms" if at.microsecond or at == begun else f"{at:%H:%M:%S}"


def _detail(kind: str, message: Mapping[str, Any]) -> str:
    if kind == "cleared":
        return f" {ground(message.get('trace') or [])}"
    if kind in ("funded", "captured") and message.get("price"):
        return f": {money(message['price'])}"
    if kind == "failed" and message.get("error"):
        return f": {message['error']['reason']} ({message['error']['code']})"
    return ""


def ground(trace: list[Mapping[str, Any]]) -> str:
    """Return the rules that allowed a message, each with the fact it stood on."""
    return ", ".join(_step(step) for step in trace if step.get("outcome") == "allow") or "no rule that was recorded"


def _step(step: Mapping[str, Any]) -> str:
    facts, version = step.get("facts") or {}, step.get("version")
    match step.get("rule"):
        case "consent":
            return f"consent {facts.get('consent_id')} of {facts.get('since')}"
        case "window":
            return f"the window that is open until {facts.get('window_expires_at')}"
        case "policy":
            return f"policy {facts.get('policy_rule_id')} (version {version})"
    return f"{step.get('rule')} (version {version})"


def money(amount: Mapping[str, Any]) -> str:
    """Return an amount with its currency, '6.00 RUB'; nothing is '0.00 RUB (free)'."""
    text = f"{amount['amount']} {amount['currency']}"
    return text if any(digit in "123456789" for digit in str(amount["amount"])) else f"{text} (free)"


def callback(fact: Mapping[str, Any]) -> str:
    """Return what a callback says, without anything personal but the text of the person who wrote."""
    if fact.get("statuses"):
        return f"status [bold]{escape(str(fact['statuses'][0].get('status')))}[/]"
    if fact.get("messages"):
        text = (fact["messages"][0].get("text") or {}).get("body", "")
        return f"message [bold]{escape(str(text))}[/], the window is open until {fact.get('window_expires_at')}"
    return f"fact {fact.get('event_id')}"
