"""The operation of the send door and the schemas it speaks of (the route itself is plain Starlette)."""

from services.gateway.graph.batches import MESSAGES_MAX
from services.gateway.graph.endpoints import BATCH_PATH
from services.gateway.graph.options import EXPIRES_IN_SECONDS_MAX, EXPIRES_IN_SECONDS_MIN
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Json
from tools.vestnik.openapi.refusals import graph_schema
from tools.vestnik.openapi.sending import interactive, kinds, templates
from tools.vestnik.openapi.shapes import choice, const, integer, items, obj, ref, text

PATH = "/{version}/{phone_number_id}/messages"


def operation() -> Json:
    """Request and success; what may fail is the note's."""
    success = {"description": "Accepted: it is never lost from now on.", "content": _json(ref("Accepted"))}
    return {"requestBody": {"required": True, "content": _json(ref("SendRequest"))}, "responses": {"200": success}}


def operations() -> Json:
    """Both doors, by path."""
    return {PATH: operation(), BATCH_PATH: batch_operation()}


def batch_operation() -> Json:
    """The same for many messages in one request."""
    success = {"description": "Each message with its own result.", "content": _json(ref("BatchResults"))}
    return {"requestBody": {"required": True, "content": _json(ref("Batch"))}, "responses": {"200": success}}


def schemas() -> Json:
    """Every schema of the send door."""
    contents = kinds.contents()
    messages = {f"{kind.title()}Message": _message(kind, content) for kind, content in contents.items()}
    return {
        **kinds.schemas(),
        **templates.schemas(),
        **interactive.schemas(),
        **messages,
        "Message": _any_message(contents),
        "ReadMark": _read_mark(),
        "SendRequest": {
            "description": "A message, or a mark that one was read.",
            "oneOf": [ref("Message"), ref("ReadMark")],
        },
        "Accepted": {
            "description": "What the send door answers: to a message its id, to a read mark `success`.",
            "oneOf": [ref("AcceptedMessage"), ref("Success")],
        },
        "AcceptedMessage": _accepted(),
        "Batch": _batch(),
        "BatchResults": _results(),
        "CheckRequest": _check(),
        "Success": obj(
            "It is done.",
            "success",
            success={"type": "boolean", "const": True, "description": "Always true.", "examples": [True]},
        ),
    }


def _message(kind: str, content: Json) -> Json:
    common = kinds.common()
    required = f"messaging_product {kind}" if kind == "text" else f"messaging_product type {kind}"
    if kind == "reaction":
        del common["context"]
    words = f"A message of the kind {kind}." + (" `type` may be left out." if kind == "text" else "")
    built = obj(words, required, **common, type=const(kind, "Which kind it is."), **{kind: content})
    return {**built, "anyOf": [{"required": ["to"]}, {"required": ["recipient"]}], "not": {"required": ["status"]}}


def _any_message(contents: Json) -> Json:
    mapping = {kind: f"#/components/schemas/{kind.title()}Message" for kind in contents}
    return {
        "description": "One message to one person; `type` says which kind.",
        "oneOf": [{"$ref": target} for target in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }


def _read_mark() -> Json:
    return obj(
        "Marks a received message and all before it as read; with `typing_indicator` also shows that you type, until "
        "you answer or for 25 seconds. Free, and no message.",
        "messaging_product status message_id",
        messaging_product=const("whatsapp", "Always `whatsapp`."),
        status=const("read", "Always `read`."),
        message_id=text("Our id of the received message.", minLength=1, maxLength=128, example=samples.INBOUND_ID),
        typing_indicator=obj("Show that you type.", "type", type=const("text", "Always `text`.")),
    )


def _accepted() -> Json:
    contact = obj(
        "Whom it goes to.",
        "input",
        input=text("What you wrote in `to` or `recipient`.", example=samples.PERSON),
        wa_id=text("The number's digits; absent with `recipient`.", example=samples.PERSON_DIGITS),
        user_id=text("The business-scoped user id, where you gave one.", example="RU.13491208655302741918"),
    )
    message = obj(
        "The message.",
        "id",
        id=text("Our id, a UUIDv7: in `GET /v1/messages/{id}` and in every callback.", example=samples.MESSAGE_ID),
        message_status=choice("Meta's word for it.", "accepted"),
    )
    return obj(
        "Meta's success shape.",
        "messaging_product contacts messages",
        messaging_product=const("whatsapp", "Always `whatsapp`."),
        contacts=items("One.", contact),
        messages=items("One.", message),
    )


def _batch() -> Json:
    item = obj(
        "One message.",
        "phone_number_id message",
        phone_number_id=text("From which of your numbers.", maxLength=32, example=samples.PHONE_NUMBER_ID),
        message=ref("Message"),
        idempotency_key=text(
            "As the header Idempotency-Key.", minLength=1, maxLength=255, pattern="^[ -~]+$", example="1042"
        ),
        expires_in=integer(
            "Seconds, as X-Vestnik-Expires-In.",
            minimum=EXPIRES_IN_SECONDS_MIN,
            maximum=EXPIRES_IN_SECONDS_MAX,
            example=3600,
        ),
    )
    return obj("Messages to send.", "messages", messages=items("1 to 1,000.", item, minItems=1, maxItems=MESSAGES_MAX))


def _check() -> Json:
    return obj(
        "A message that is only looked at. It takes no idempotency key: a check may be repeated at will.",
        "phone_number_id message",
        phone_number_id=text("From which of your numbers.", maxLength=32, example=samples.PHONE_NUMBER_ID),
        message=ref("Message"),
    )


def _results() -> Json:
    result = obj(
        "What the send door would have answered to this message.",
        "status",
        status=integer("The HTTP status it would have had.", example=200),
        response=ref("AcceptedMessage"),
        error={**graph_schema()["properties"]["error"], "description": "Meta's error, where it was refused."},
        retry_after_seconds=integer("Where trying again makes sense: how long to wait.", minimum=1, example=1),
    )
    return obj(
        "One result for each message.", "results", results=items("In the order of the messages.", result, minItems=1)
    )


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}
