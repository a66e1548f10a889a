"""Signatures, by known answers that others computed."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.gateway.deliveries import signing
from tests.gateway.deliveries.receiver import Call, is_signed_as_meta, is_signed_as_standard_webhook

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "webhook_signatures.json").read_text())


def test_the_reference_library_verifies_what_each_of_two_secrets_signs() -> None:
    old, new = "whsec_" + "QUJD" * 8, "whsec_" + "REVG" * 8
    body = '{"текст": "Заказ готов"}'.encode()
    headers = signing.headers(secrets=[new, old], delivery_id="d1", timestamp=int(time.time()), body=body)
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers) == {"текст": "Заказ готов"}
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "R0hJ" * 8).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body + b" ", headers)


@pytest.mark.parametrize("vector", VECTORS["hub"] + VECTORS["standard_webhooks"], ids=lambda vector: vector["name"])
def test_known_answers_come_out(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    if "timestamp" in vector:
        signed = signing.webhook_signature(vector["secret"], vector["id"], vector["timestamp"], body)
    else:
        signed = signing.hub_signature(vector["secret"], body)
    assert signed == vector["signature"]


def test_both_signatures_verify_and_another_body_does_not() -> None:
    secret = "whsec_" + "QUJD" * 8
    headers = signing.headers(secrets=[secret], delivery_id="d1", timestamp=1_700_000_000, body=b"{}")
    assert is_signed_as_meta(Call(headers, b"{}"), secret)
    assert is_signed_as_standard_webhook(Call(headers, b"{}"), secret)
    assert not is_signed_as_meta(Call(headers, b"{} "), secret)
    assert not is_signed_as_standard_webhook(Call(headers, b"{} "), secret)
