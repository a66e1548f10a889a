"""Notes on where a tenant is called."""

from services.gateway.callbacks import errors
from services.gateway.told.errors import NothingTold, RangeTooOld
from services.kernel.cursors import BadCursor, OtherQuestion
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Example, Json, Note, one

TAG = "Callbacks"
SHOWN = {"url": samples.CALLBACK_URL, "state": "active", "max_updates": 100, "secret_hint": "...Zk0A"}
ENDPOINT: Json = {
    "id": samples.ENDPOINT_ID,
    "url": samples.CALLBACK_URL,
    "events": ["messages", "statuses.failed"],
    "description": "CRM",
    "max_updates": 100,
    "is_first": False,
    "state": "active",
    "disabled": None,
    "failing_since": None,
    "secret_hint": "...Zk0A",
    "old_secret_until": None,
    "created_at": samples.AT,
}
DISABLED = {**ENDPOINT, "state": "disabled", "disabled": {"reason": "by_tenant", "at": samples.LATER}}
SECRET = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
ATTEMPT: Json = {
    "delivery_id": samples.ATTEMPT_ID,
    "attempt": 1,
    "at": samples.LATER,
    "milliseconds": 84,
    "facts": 3,
    "outcome": "delivered",
    "status": 200,
    "error": None,
    "address": "198.51.100.7",
    "request_head": "POST /whatsapp/callbacks HTTP/1.1\nHost: shop.example.com",
    "response_head": "HTTP/1.1 200 OK",
    "response_body": "",
}
REPLAYED = {"queued": 128, "already_waiting": 0, "resume_from": None}
ONE = "/v1/callbacks/{endpoint_id}"

FIRST = {
    "PUT /v1/callback": Note(
        id="setCallback",
        tag=TAG,
        ru="Указать адрес обратных вызовов",
        request={
            "default": Example({"url": samples.CALLBACK_URL}, "up to 100 updates in a POST under load"),
            "single": Example(
                {"url": samples.CALLBACK_URL, "max_updates": 1},
                "one update in each POST, for clients that read no more (pywa)",
            ),
        },
        answers={200: one(SHOWN)},
        failures=(errors.BadCallbackUrl,),
    ),
    "GET /v1/callback": Note(
        id="getCallback",
        tag=TAG,
        ru="Адрес обратных вызовов",
        answers={200: one(SHOWN)},
    ),
}
ENDPOINTS = {
    "GET /v1/callbacks": Note(
        id="listCallbackEndpoints",
        tag=TAG,
        ru="Все адреса обратных вызовов",
        answers={200: one({"data": [ENDPOINT]})},
    ),
    "POST /v1/callbacks": Note(
        id="addCallbackEndpoint",
        tag=TAG,
        ru="Добавить ещё один адрес",
        request={
            "filtered": Example(
                {"url": samples.CALLBACK_URL, "events": ["messages", "statuses.failed"], "description": "CRM"},
                "inbound messages and failures only",
            ),
            "everything": Example({"url": samples.CALLBACK_URL}, "everything"),
        },
        answers={201: one({**ENDPOINT, **SECRET})},
        failures=(errors.BadCallbackUrl, errors.BadTopic, errors.TooManyEndpoints),
    ),
    f"GET {ONE}": Note(
        id="getCallbackEndpoint",
        tag=TAG,
        ru="Один адрес",
        answers={200: {"active": Example(ENDPOINT, "in use"), "disabled": Example(DISABLED, "switched off")}},
        failures=(errors.NoSuchEndpoint,),
    ),
    f"PATCH {ONE}": Note(
        id="changeCallbackEndpoint",
        tag=TAG,
        ru="Изменить адрес",
        request={
            "url": Example({"url": samples.CALLBACK_URL}, "another URL"),
            "events": Example({"events": None}, "no filter any more"),
            "single": Example({"max_updates": 1}, "one update in each POST, for clients that read no more (pywa)"),
        },
        answers={200: one(ENDPOINT)},
        failures=(errors.NoSuchEndpoint, errors.BadCallbackUrl, errors.BadTopic),
    ),
    f"DELETE {ONE}": Note(
        id="removeCallbackEndpoint",
        tag=TAG,
        ru="Удалить адрес",
        failures=(errors.NoSuchEndpoint, errors.FirstEndpointStays),
    ),
    f"POST {ONE}:enable": Note(
        id="enableCallbackEndpoint",
        tag=TAG,
        ru="Снова вызывать",
        answers={200: one(ENDPOINT)},
        failures=(errors.NoSuchEndpoint,),
    ),
    f"POST {ONE}:disable": Note(
        id="disableCallbackEndpoint",
        tag=TAG,
        ru="Больше не вызывать",
        answers={200: one(DISABLED)},
        failures=(errors.NoSuchEndpoint, errors.EndpointNotActive),
    ),
    f"POST {ONE}:rotate-secret": Note(
        id="rotateCallbackSecret",
        tag=TAG,
        ru="Сменить секрет подписи",
        request={
            "example": Example({"overlap_hours": 24}, "both sign for a day"),
            "leaked": Example({"overlap_hours": 0}, "the old secret is known to others", sent=False),
        },
        answers={200: one({**ENDPOINT, "old_secret_until": samples.TOMORROW, **SECRET})},
        failures=(errors.NoSuchEndpoint, errors.RotationUnderWay),
    ),
    f"POST {ONE}:confirm-secret": Note(
        id="confirmCallbackSecret",
        tag=TAG,
        ru="Завершить смену секрета",
        answers={200: one(ENDPOINT)},
        failures=(errors.NoSuchEndpoint,),
    ),
    f"POST {ONE}:test": Note(
        id="testCallbackEndpoint",
        tag=TAG,
        ru="Пробный вызов",
        answers={202: one({"event_id": samples.EVENT_ID})},
        failures=(errors.NoSuchEndpoint, errors.EndpointNotActive, errors.TooManyTests),
    ),
    f"GET {ONE}/attempts": Note(
        id="listCallbackAttempts",
        tag=TAG,
        ru="Журнал попыток",
        answers={200: one({"data": [ATTEMPT], "next_cursor": None})},
        failures=(errors.NoSuchEndpoint, BadCursor, OtherQuestion),
    ),
    f"POST {ONE}:replay": Note(
        id="replayCallbacks",
        tag=TAG,
        ru="Рассказать ещё раз",
        request={
            "message": Example({"message_id": samples.MESSAGE_ID}, "everything about one message", sent=False),
            "range": Example({"from": samples.AT, "to": samples.LATER}, "everything of some time", sent=False),
        },
        answers={202: one(REPLAYED)},
        failures=(errors.NoSuchEndpoint, NothingTold, RangeTooOld, errors.EndpointNotActive),
    ),
}

NOTES = {**FIRST, **ENDPOINTS}
