"""Webhooks as Meta would send them: our own examples, filled in, and the signature over their exact bytes."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.webhook.signatures import service as signatures

WABA_ID = str(uuid4().int)[:15]  # of this run: the topic `tenants` remembers those of earlier ones
EXAMPLES = Path(__file__).parent / "examples"


def new_wamid() -> str:
    return f"wamid.{uuid4().hex}"


def example(name: str, *, phone_number_id: str, wamid: str) -> bytes:
    """The bytes of an example for one number and one message."""
    text = (EXAMPLES / f"{name}.json").read_text()
    return text.replace("PHONE_NUMBER_ID", phone_number_id).replace("WAMID", wamid).encode()


def value_of(body: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(body)["entry"][0]["changes"][0]["value"]
    return value


def webhook(value: Any, *, field: str = "messages", waba_id: str = WABA_ID, time: int | None = None) -> bytes:
    """One change as a whole webhook."""
    entry = {"id": waba_id, "changes": [{"field": field, "value": value}]} | ({"time": time} if time else {})
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}, ensure_ascii=False).encode()


def about(phone_number_id: str, **parts: Any) -> dict[str, Any]:
    """A value of the field `messages` for one number."""
    metadata = {"display_phone_number": "74950000001", "phone_number_id": phone_number_id}
    return {"messaging_product": "whatsapp", "metadata": metadata, **parts}


def status(wamid: str, name: str = "delivered", **more: Any) -> dict[str, Any]:
    return {"id": wamid, "status": name, "timestamp": "1795360020", "recipient_id": "79161234567", **more}


def text_message(wamid: str, body: str, **more: Any) -> dict[str, Any]:
    message = {"from": "79161234567", "id": wamid, "timestamp": "1795360030", "type": "text", "text": {"body": body}}
    return {**message, **more}


def signed(secret: str, body: bytes) -> dict[str, str]:
    """The headers that Meta sends with these bytes."""
    return {"X-Hub-Signature-256": signatures.sign(secret.encode(), body), "Content-Type": "application/json"}
