"""The examples of requests are what the send door reads."""

import json
from typing import Any

import pytest

from services.gateway.graph.errors import GraphError
from services.gateway.graph.schemas import read_request, read_send
from tests.gateway.openapi import reading
from tools.vestnik.openapi.sending.examples import requests

SEND = next(operation for operation in reading.operations() if operation.name == "sendMessage")
EXAMPLES = SEND.said["requestBody"]["content"]["application/json"]["examples"]
MESSAGE = {"$ref": "#/components/schemas/SendRequest"}
BREAKING: dict[str, dict[str, Any]] = {
    "a long text": {"text": {"body": "x" * 4097}},
    "an empty text": {"text": {"body": ""}},
    "no text": {"text": {}},
    "another product": {"messaging_product": "sms"},
    "a group": {"recipient_type": "group"},
    "long callback data": {"biz_opaque_callback_data": "x" * 513},
    "an unknown type": {"type": "carrier_pigeon"},
    "a number as a number": {"to": 79161234567},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_door_reads_the_example(name: str) -> None:
    assert read_request(json.dumps(EXAMPLES[name]["value"]).encode())


def test_the_document_shows_every_example() -> None:
    assert EXAMPLES.keys() == requests().keys()


@pytest.mark.parametrize("name", BREAKING)
def test_what_the_door_refuses_the_schema_refuses_too(name: str) -> None:
    body = {**EXAMPLES["text"]["value"], **BREAKING[name]}
    with pytest.raises(GraphError):
        read_send(json.dumps(body).encode())
    assert reading.errors_of(MESSAGE, body)
