"""What we post to a tenant, as the document's webhooks: headers, envelope, and an example of each kind of fact."""

from services.gateway.callbacks.topics import NOTICE_TOPIC, PLATFORM_TOPICS, TEST_TOPIC
from services.gateway.deliveries import signing
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Json
from tools.vestnik.openapi.shapes import ref

ANSWER = (
    "Answer with any 2xx as soon as you have stored the body (within 10 seconds); the text of the answer is not used. "
    "`410` switches the endpoint off; anything else, a redirect too, is tried again for days with growing pauses."
)
WORDS = (
    "We post Meta's own webhook JSON with our ids in it. One body holds one or more facts; each `changes[].value` is "
    "one fact with its own `event_id`, the same at every repeat: remember it and drop what you know. Facts about one "
    "conversation come in order. " + ANSWER
)
SIGNED = (
    "Check one of the two signatures over the raw bytes. Meta's: `X-Hub-Signature-256` is `sha256=` and the hex "
    "HMAC-SHA256 of the body under the text of your secret. Standard Webhooks: `webhook-signature` is `v1,` and the "
    "base64 HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` under the bytes that follow `whsec_` in base64; "
    "during a rotation it holds one for each secret, apart by blanks."
)
METADATA: Json = {"display_phone_number": samples.DISPLAY_NUMBER, "phone_number_id": samples.PHONE_NUMBER_ID}
PRICING: Json = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
FAILURE: Json = {
    "code": 131047,
    "title": "Re-engagement message",
    "message": "Re-engagement message",
    "error_data": {"details": "The person has not written within 24 hours. Send an approved template instead."},
}


def webhooks() -> Json:
    """One webhook for each kind of fact; they all come to the same URL."""
    return {
        "messageStatus": _webhook(
            "messageStatus",
            "Your message moved on",
            "Состояние вашего сообщения",
            "Sent, delivered, read or failed. Each is told once, in this order as far as Meta reports it.",
            {
                "delivered": ("delivered, with what it was billed as", _status("delivered", pricing=PRICING)),
                "failed": ("failed, with the reason", _status("failed", errors=[FAILURE])),
            },
        ),
        "inboundMessage": _webhook(
            "inboundMessage",
            "A person wrote to you",
            "Вам написал человек",
            "Told when the window is open: you may answer at once, until `window_expires_at`.",
            {
                "text": ("a text", _inbound("text", {"body": "Во сколько закрываетесь?"})),
                "button": ("a pressed button of a template", _button()),
                "image": ("a picture", _inbound("image", _picture())),
            },
        ),
        "accountUpdate": _webhook(
            "accountUpdate",
            "Meta changed something about your account",
            "Meta изменила что-то в вашем аккаунте",
            "Templates, numbers, accounts: Meta's field and value as they came, with `event_id`. The fields: "
            f"{', '.join(f'`{topic}`' for topic in PLATFORM_TOPICS)}.",
            {"template": ("a template was approved", _platform())},
        ),
        "endpointNotice": _webhook(
            "endpointNotice",
            "About your endpoints",
            "О ваших адресах",
            f"`{TEST_TOPIC}` is what you asked for; `{NOTICE_TOPIC}` tells your other endpoints that one is no longer "
            "called.",
            {
                "test": ("a test", _notice(TEST_TOPIC)),
                "disabled": (
                    "an endpoint was switched off",
                    _notice(NOTICE_TOPIC, reason="failing", disabled_at=samples.LATER),
                ),
            },
        ),
    }


def _webhook(name: str, summary: str, ru: str, words: str, examples: dict[str, tuple[str, Json]]) -> Json:
    shown = {key: {"summary": said, "value": body} for key, (said, body) in examples.items()}
    content = {"application/json": {"schema": ref("CallbackBody"), "examples": shown}}
    return {
        "post": {
            "operationId": name,
            "tags": ["Callbacks"],
            "summary": summary,
            "x-ru": ru,
            "description": f"{words}\n\n{WORDS}\n\n{SIGNED}",
            "parameters": _headers(),
            "requestBody": {"required": True, "content": content},
            "responses": {
                "200": {"description": "Taken. Any 2xx is the same."},
                "410": {"description": "Gone: the endpoint is switched off."},
            },
        }
    }


def _headers() -> list[Json]:
    secret = signing.SECRET_PREFIX + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    shown = signing.headers(secrets=[secret], delivery_id=samples.ATTEMPT_ID, timestamp=1795339804, body=b"{}")
    words = {
        "X-Hub-Signature-256": "Meta's signature.",
        "webhook-id": "Names this body: the same at every attempt.",
        "webhook-timestamp": "Unix seconds of the attempt; refuse what is older than five minutes.",
        "webhook-signature": "The signature of Standard Webhooks 1.0.0.",
    }
    return [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": said,
            "schema": {"type": "string"},
            "example": shown[name],
        }
        for name, said in words.items()
    ]


def _status(status: str, **more: object) -> Json:
    told = {"id": samples.MESSAGE_ID, "status": status, "timestamp": "1795339804", **more}
    told |= {"recipient_id": samples.PERSON_DIGITS, "biz_opaque_callback_data": "order-1042"}
    contacts = {} if status == "failed" else {"contacts": [{"wa_id": samples.PERSON_DIGITS}]}
    return _envelope({**contacts, "statuses": [told]})


def _inbound(kind: str, content: Json) -> Json:
    common = {"from": samples.PERSON_DIGITS, "id": samples.INBOUND_ID, "timestamp": "1795339800", "type": kind}
    contact = {"profile": {"name": "Анна"}, "wa_id": samples.PERSON_DIGITS}
    return _envelope(
        {"contacts": [contact], "messages": [{**common, kind: content}], "window_expires_at": samples.TOMORROW}
    )


def _button() -> Json:
    body = _inbound("button", {"payload": "ok-1042", "text": "Приду"})
    message = body["entry"][0]["changes"][0]["value"]["messages"][0]
    message["context"] = {"from": samples.DISPLAY_NUMBER, "id": samples.MESSAGE_ID}
    return body


def _picture() -> Json:
    picture = {"id": samples.MEDIA_ID, "mime_type": "image/jpeg", "sha256": "0" * 64, "caption": "Вот такой"}
    return {**picture, "url": f"https://api.example.org/media/{samples.MEDIA_ID}"}


def _platform() -> Json:
    value = {
        "event": "APPROVED",
        "message_template_id": samples.META_TEMPLATE_ID,
        "message_template_name": samples.TEMPLATE,
        "message_template_language": samples.LANGUAGE,
        "reason": "NONE",
        "event_id": samples.EVENT_ID,
    }
    change = {"field": "message_template_status_update", "value": value}
    entry = {"id": samples.WABA_ID, "time": 1795339800, "changes": [change]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def _notice(topic: str, **more: str) -> Json:
    value = {"endpoint_id": samples.ENDPOINT_ID, **more, "event_id": samples.EVENT_ID}
    entry = {"id": "0", "time": 1795339804, "changes": [{"field": topic, "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def _envelope(value: Json) -> Json:
    told = {"messaging_product": "whatsapp", "metadata": METADATA, **value, "event_id": samples.EVENT_ID}
    entry = {"id": samples.WABA_ID, "changes": [{"field": "messages", "value": told}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}
