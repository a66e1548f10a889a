"""The shapes of what we post to a tenant: Meta's envelope with our ids, and the value of each kind of fact."""

from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Json
from tools.vestnik.openapi.shapes import choice, const, integer, items, obj, ref, text


def schemas() -> Json:
    """The envelope and its values."""
    change = obj(
        "One fact.",
        "field value",
        field=text("`messages`, or Meta's name of what changed.", example="messages"),
        value={
            "description": "The fact.",
            "anyOf": [ref("StatusValue"), ref("InboundValue"), ref("PlatformValue")],
        },
    )
    entry = obj(
        "Facts about one WhatsApp Business account.",
        "id changes",
        id=text("The account's id (WABA).", example=samples.WABA_ID),
        time=integer("Unix seconds, where Meta says them.", example=1795339800),
        changes=items("The facts.", ref("CallbackChange"), minItems=1),
    )
    return {
        "CallbackBody": obj(
            "The body of a callback.",
            "object entry",
            object=const("whatsapp_business_account", "Always the same."),
            entry=items("One for each account.", ref("CallbackEntry"), minItems=1),
        ),
        "CallbackEntry": entry,
        "CallbackChange": change,
        "StatusValue": _value(
            "A status of a message of yours.",
            "statuses",
            statuses=items("One.", ref("CallbackStatus"), minItems=1, maxItems=1),
        ),
        "InboundValue": _value(
            "A message of a person.",
            "messages window_expires_at",
            messages=items("One.", ref("InboundMessage"), minItems=1, maxItems=1),
            window_expires_at=text("Until when you may answer freely.", format="date-time", example=samples.TOMORROW),
        ),
        "PlatformValue": {
            **obj("Meta's value, with our event_id in it.", "event_id", event_id=_event_id()),
            "additionalProperties": True,
        },
        "CallbackStatus": _status_schema(),
        "InboundMessage": _inbound_schema(),
    }


def _value(words: str, required: str, **own: Json) -> Json:
    metadata = obj(
        "Which of your numbers.",
        "phone_number_id",
        display_phone_number=text("Its digits.", example=samples.DISPLAY_NUMBER),
        phone_number_id=text("Its id.", example=samples.PHONE_NUMBER_ID),
    )
    contact = obj(
        "The person.",
        profile=obj("What the person says of itself.", name=text("Its name.", example="Анна")),
        wa_id=text("Its digits; may be absent.", example=samples.PERSON_DIGITS),
        user_id=text("Its business-scoped user id.", example="RU.13491208655302741918"),
    )
    return obj(
        words,
        f"messaging_product metadata event_id {required}",
        messaging_product=const("whatsapp", "Always `whatsapp`."),
        metadata=metadata,
        contacts=items("The person, where known.", contact),
        event_id=_event_id(),
        **own,
    )


def _event_id() -> Json:
    return text("Ours: the same for the same fact, however often it is told.", format="uuid", example=samples.EVENT_ID)


def _status_schema() -> Json:
    error = obj(
        "Why it failed.",
        "code title",
        code=integer("Meta's code.", example=131047),
        title=text("Meta's words.", example="Re-engagement message"),
        message=text("The same.", example="Re-engagement message"),
        error_data=obj("More.", details=text("What happened and what to do.", example="Send an approved template.")),
        href=text("A page about it.", example="https://shop.example.com/errors"),
    )
    return obj(
        "Where the message stands.",
        "id status timestamp",
        id=text("Our id of the message.", example=samples.MESSAGE_ID),
        status=choice("What happened.", "sent", "delivered", "read", "failed", "played"),
        timestamp=text("Unix seconds.", pattern="^[0-9]+$", example="1795339804"),
        recipient_id=text("The person's digits.", example=samples.PERSON_DIGITS),
        recipient_user_id=text("The person's business-scoped user id.", example="RU.13491208655302741918"),
        biz_opaque_callback_data=text("What you gave with the message.", example="order-1042"),
        pricing={"type": "object", "description": "What Meta billed it as.", "additionalProperties": True},
        conversation={"type": "object", "description": "Meta's conversation, if any.", "additionalProperties": True},
        errors=items("Why it failed.", error),
    )


def _inbound_schema() -> Json:
    context = obj(
        "What it answers.",
        id=text("Our id of the message it quotes, where we know it.", example=samples.MESSAGE_ID),
        **{"from": text("Whose message that was: digits.", example=samples.DISPLAY_NUMBER)},
    )
    common = {
        "from": text("The person's digits; may be absent, then see from_user_id.", example=samples.PERSON_DIGITS),
        "from_user_id": text("The person's business-scoped user id.", example="RU.13491208655302741918"),
        "id": text("Our id of the message: for replies, reactions and read marks.", example=samples.INBOUND_ID),
        "timestamp": text("Unix seconds.", pattern="^[0-9]+$", example="1795339800"),
        "type": text("Which kind; the field of that name holds its content, as Meta documents it.", example="text"),
        "context": context,
    }
    return {
        **obj("Meta's message, with our ids.", "id timestamp type", **common),
        "additionalProperties": True,
    }
