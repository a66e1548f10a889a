"""What operations share: the key, headers of requests and answers, and the front matter of the document."""

from services.gateway.graph.options import EXPIRES_IN_SECONDS_MAX, EXPIRES_IN_SECONDS_MIN
from tools.vestnik.openapi.note import Json

TAGS = (
    ("Messages", "Сообщения", "Send a message, follow it, cancel it."),
    ("Media", "Файлы", "Upload, look up, download and delete files."),
    ("Numbers and templates", "Номера и шаблоны", "Read your numbers, accounts, templates and the business profile."),
    ("Callbacks", "Обратные вызовы", "Where we call you, what was told, and telling it again."),
    ("Consents", "Согласия", "What people agreed to, with evidence. Without a consent no template goes out."),
    ("Billing", "Деньги", "Your wallet."),
    ("API keys", "Ключи", "Keys with scopes, limits and an end; test keys that never cost money."),
)
TAG_NAMES = [name for name, _, _ in TAGS]

RUSSIAN_START = "**С чего начать**"
DESCRIPTION = f"""Vestnik sends your WhatsApp messages and calls you back. The send door has the shape of Meta's Cloud
API: an existing client works when you change its base URL and its token.

**Start**

1. Put your key into every request: `Authorization: Bearer vk_live_...`. A key that begins with `vk_test_` goes to a
   simulated Meta and never costs money.
2. Say where to call you: `PUT /v1/callback` with an https URL.
3. Record the person's consent: `POST /v1/consents`.
4. Send a template: `POST /v23.0/{{phone_number_id}}/messages`. The answer's `messages[0].id` is the message's id
   everywhere.
5. Watch it: `GET /v1/messages/{{id}}`, or wait for the callbacks (see *webhooks* below). When the person writes, a
   24-hour window opens in which you may answer freely.

A `200` of the send door means that the message is never lost. Repeat a request whose answer you did not get with the
same `Idempotency-Key`: it is sent once. Errors of paths that begin with a version are in Meta's envelope
(`GraphError`), all others are problem details (`Problem`). Times are RFC 3339 in UTC, money is a decimal text with its
currency.

{RUSSIAN_START}

1. В каждом запросе передавайте ключ: `Authorization: Bearer vk_live_...`. Ключ `vk_test_...` ведёт в имитацию Meta и
   ничего не стоит.
2. Укажите, куда вас вызывать: `PUT /v1/callback` с https-адресом.
3. Запишите согласие человека: `POST /v1/consents`.
4. Отправьте шаблон: `POST /v23.0/{{phone_number_id}}/messages`. `messages[0].id` из ответа — номер сообщения везде.
5. Следите за ним: `GET /v1/messages/{{id}}` или обратные вызовы (раздел *webhooks*). Когда человек напишет, на 24 часа
   откроется окно: в нём можно отвечать свободным текстом.

Ответ `200` означает, что сообщение не потеряется. Если ответ не дошёл, повторите запрос с тем же `Idempotency-Key`:
сообщение уйдёт один раз.
"""


def info() -> Json:
    return {
        "title": "Vestnik",
        "version": "1",
        "summary": "Send WhatsApp messages with consent, exact money and sealed content.",
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def tags() -> list[Json]:
    return [{"name": name, "description": words, "x-ru": russian} for name, russian, words in TAGS]


def security_schemes() -> Json:
    words = "Your API key: `vk_live_...`, or `vk_test_...` for the simulated Meta. Each has scopes (see `x-scopes`)."
    return {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "vk_live_... or vk_test_...",
            "description": words,
        }
    }


def headers() -> Json:
    """Headers of answers."""
    return {
        "Retry-After": _header(
            "Seconds after which the same request may succeed.", {"type": "integer", "minimum": 0}, 1
        ),
        "RateLimit": _header(
            'What is left of the key\'s limit: items `"name";r=left;t=seconds until it is full again`.',
            {"type": "string"},
            '"key";r=79;t=1',
        ),
        "RateLimit-Policy": _header(
            'The key\'s limit: items `"name";q=requests;w=seconds`.', {"type": "string"}, '"key";q=80;w=1'
        ),
    }


def parameters() -> Json:
    """Headers of requests."""
    return {
        "Idempotency-Key": _parameter(
            "1 to 255 printable ASCII characters of your choice, kept for 72 hours. A repeat with the same key and "
            "body gets the first answer and sends nothing; while the first is being worked on 409 with Retry-After; "
            "with another body 422.",
            "Idempotency-Key",
            {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
            "order-1042-ready",
        ),
        "X-Vestnik-Expires-In": _parameter(
            "Seconds after which the message is not sent any more (state expired); 24 hours where it is left out.",
            "X-Vestnik-Expires-In",
            {"type": "integer", "minimum": EXPIRES_IN_SECONDS_MIN, "maximum": EXPIRES_IN_SECONDS_MAX},
            3600,
        ),
        "X-Vestnik-Max-Price": _parameter(
            "The highest price to pay for the message, where its body has no `max_price`; a dearer one fails (131042).",
            "X-Vestnik-Max-Price",
            {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?$"},
            "6.00",
        ),
    }


def _header(words: str, schema: Json, example: object) -> Json:
    return {"description": words, "schema": schema, "example": example}


def _parameter(words: str, name: str, schema: Json, example: object) -> Json:
    return {"name": name, "in": "header", "required": False, "description": words, "schema": schema, "example": example}
