"""Notes on sending messages and following them."""

from services.gateway.graph import errors
from services.gateway.history.errors import BadRange, TooLate
from services.gateway.messages.errors import MessageNotFound
from services.kernel.cursors import BadCursor, OtherQuestion
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.failures import every_graph_error, graph_example
from tools.vestnik.openapi.note import Example, Json, Note, one
from tools.vestnik.openapi.sending.examples import requests

TAG = "Messages"
NOT_OF_THE_SEND_DOOR = (errors.NoSuchObject, errors.ServerError)
SEND_ERRORS = tuple(
    error for error in every_graph_error() if error.__module__ == errors.__name__ and error not in NOT_OF_THE_SEND_DOOR
)
ACCEPTED: Json = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": samples.PERSON, "wa_id": samples.PERSON_DIGITS}],
    "messages": [{"id": samples.MESSAGE_ID}],
}
DELIVERED: Json = {
    "id": samples.MESSAGE_ID,
    "state": "delivered",
    "error": None,
    "price": {"amount": "6.00", "currency": "RUB"},
    "trace": [
        {
            "rule": "consent",
            "version": 1,
            "outcome": "allow",
            "facts": {"state": "given"},
            "text": "The person has agreed to service messages.",
            "text_ru": "Человек согласился на сервисные сообщения.",
        }
    ],
    "events": [
        {"type": "accepted", "at": samples.AT},
        {"type": "sent", "at": samples.LATER},
        {"type": "delivered", "at": samples.LATER},
    ],
}
REFUSED: Json = {
    **DELIVERED,
    "state": "failed",
    "price": None,
    "error": {
        "code": 131047,
        "reason": "window_closed",
        "text": "The person has not written within 24 hours. Send an approved template instead.",
    },
    "events": [{"type": "accepted", "at": samples.AT}, {"type": "failed", "at": samples.LATER}],
}
UNKNOWN = {
    **requests()["template"].value,
    "template": {"name": "never_approved", "language": {"code": samples.LANGUAGE}},
}
BATCH: Json = {
    "messages": [
        {
            "phone_number_id": samples.PHONE_NUMBER_ID,
            "message": requests()["template"].value,
            "idempotency_key": "order-1042-ready",
            "expires_in": 3600,
        },
        {"phone_number_id": samples.PHONE_NUMBER_ID, "message": UNKNOWN},
    ]
}
RESULTS: Json = {
    "results": [
        {"status": 200, "response": ACCEPTED},
        {"status": 404, **graph_example(errors.NoSuchTemplate, "post")},
    ]
}
ALLOWED: Json = {
    "allowed": True,
    "error": None,
    "kind": "template",
    "category": "utility",
    "country": "RU",
    "window": {"is_open": False, "expires_at": None},
    "entry_point_expires_at": None,
    "price": {"amount": "6.00", "currency": "RUB"},
    "price_details": {
        "is_free": False,
        "position": 1042,
        "month": "2026-11-01",
        "rate_card_version": 1,
        "tier": 1,
        "is_covered": True,
    },
    "policy": "default@1",
    "trace": [
        {
            "rule": "consent",
            "version": 1,
            "outcome": "allow",
            "facts": {"state": "given"},
            "text": "The person agreed to service messages.",
            "text_ru": "Человек согласился на сервисные сообщения.",
        }
    ],
}
INVALID: Json = {
    **dict.fromkeys(ALLOWED),
    "allowed": False,
    "error": {
        "code": 132001,
        "reason": "invalid",
        "text": "template name (never_approved) does not exist in ru, or is not approved: use an approved template.",
    },
    "trace": [],
}
CANCELLED: Json = {
    **REFUSED,
    "error": {"code": 135000, "reason": "cancelled", "text": "The message was cancelled before it was sent."},
}


def _without_trace(message: Json) -> Json:
    return {name: value for name, value in message.items() if name != "trace"}


NOTES = {
    "POST /{version}/{phone_number_id}/messages": Note(
        id="sendMessage",
        tag=TAG,
        summary="Send a message, or mark one as read",
        ru="Отправить сообщение или отметить прочитанным",
        description="The shape of Meta's Cloud API. The answer is given after the message is stored safely: from then "
        "on it is sent, or fails with a reason that you are told. Consent, window and money are judged afterwards (in "
        "milliseconds): a refusal by them is the state `failed` of the message and a callback, not an error here.",
        request=requests(),
        answers={200: {"message": Example(ACCEPTED, "a message"), "read": Example({"success": True}, "a read mark")}},
        failures=SEND_ERRORS,
        headers=("Idempotency-Key", "X-Vestnik-Expires-In", "X-Vestnik-Max-Price"),
        scopes=("messages:send",),
    ),
    "POST /v1/messages:batch": Note(
        id="sendBatch",
        tag=TAG,
        summary="Send up to 1,000 messages",
        ru="Отправить до 1000 сообщений",
        description="Each message is read and accepted by itself: the results come in the order of the messages, each "
        "with what the send door would have answered, and the answer is 200 also where all were refused. A batch may "
        "be repeated when each message has its own `idempotency_key`. Up to 4 MB.\n\nMailings give way to people's "
        "replies: the results of 1,000 messages come after 2 to 30 s, the later the busier the system is, and 503 with "
        "`Retry-After` means that others are in line.",
        request=one(BATCH),
        answers={200: one(RESULTS)},
        scopes=("messages:send",),
    ),
    "POST /v1/messages:check": Note(
        id="checkMessage",
        tag=TAG,
        ru="Проверить сообщение, не отправляя",
        request=one({"phone_number_id": samples.PHONE_NUMBER_ID, "message": requests()["template"].value}),
        answers={200: {"allowed": Example(ALLOWED, "it would go"), "invalid": Example(INVALID, "it would not")}},
    ),
    "GET /v1/messages/{message_id}": Note(
        id="getMessage",
        tag=TAG,
        ru="Одно сообщение",
        answers={200: {"delivered": Example(DELIVERED, "delivered"), "refused": Example(REFUSED, "refused")}},
        failures=(MessageNotFound,),
    ),
    "GET /v1/messages": Note(
        id="listMessages",
        tag=TAG,
        ru="Список сообщений",
        answers={200: one({"data": [_without_trace(DELIVERED)], "paging": {"next": None}})},
        failures=(BadCursor, OtherQuestion, BadRange),
    ),
    "POST /v1/messages/{message_id}:cancel": Note(
        id="cancelMessage",
        tag=TAG,
        ru="Отменить сообщение",
        answers={200: one(_without_trace(CANCELLED))},
        failures=(MessageNotFound, TooLate),
    ),
}
