"""What a request gives a template fits the stored template, or is refused by part and rule."""

import json
from typing import Any

import pytest

from services.gateway.graph.errors import GraphError
from services.gateway.graph.fitting import fitted
from services.gateway.graph.schemas import read_send
from services.gateway.templates.service import Template
from services.gateway.templates.shapes import compile_shape
from tests.gateway.stand import Gateway, Tenant, template

LINK = "https://example.com/a.jpg"


def texts(*values: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": value} for value in values]


def named(**values: str) -> list[dict[str, Any]]:
    return [{"type": "text", "parameter_name": name, "text": value} for name, value in values.items()]


def body(*parameters: Any) -> dict[str, Any]:
    return {"type": "body", "parameters": list(parameters)}


def header(kind: str, content: Any = None) -> dict[str, Any]:
    return {"type": "header", "parameters": [{"type": kind, kind: content or {"link": LINK}}]}


def button(index: Any, sub_type: str, kind: str, value: Any) -> dict[str, Any]:
    parameters = [{"type": kind, kind: value}]
    return {"type": "button", "sub_type": sub_type, "index": index, "parameters": parameters}


def stored(*components: dict[str, Any]) -> list[dict[str, Any]]:
    return list(components)


def buttons(*kinds: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(kinds)}


BODY = {"type": "BODY", "text": "Заказ {{1}} готов, {{2}}"}
PLAIN = {"type": "BODY", "text": "Готово"}
NAMED = {"type": "BODY", "text": "{{first_name}}, заказ {{order}} и ещё раз {{order}}"}
IMAGE = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["x"]}}
CODE = stored(
    {"type": "BODY", "add_security_recommendation": True},
    {"type": "FOOTER", "code_expiration_minutes": 5},
    buttons({"type": "OTP", "otp_type": "COPY_CODE", "text": "Копировать"}),
)
FETCHED_CODE = stored(
    {"type": "BODY", "text": "*{{1}}* — ваш код."},
    buttons({"type": "URL", "text": "Копировать", "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}"}),
)
KEYS = stored(
    PLAIN,
    buttons(
        {"type": "QUICK_REPLY", "text": "Да"},
        {"type": "URL", "text": "Открыть", "url": "https://example.com/{{1}}"},
        {"type": "URL", "text": "Сайт", "url": "https://example.com/"},
        {"type": "PHONE_NUMBER", "text": "Позвонить", "phone_number": "+7"},
        {"type": "COPY_CODE", "example": "X"},
        {"type": "FLOW", "text": "Анкета", "flow_id": "1"},
        {"type": "CATALOG", "text": "Каталог"},
    ),
)
KEYS_FILLED = (
    button("1", "url", "text", "58"),
    button(4, "copy_code", "coupon_code", "SALE"),
    button("5", "FLOW", "action", {"flow_token": "t"}),
)
CARDS = stored(
    PLAIN,
    {
        "type": "CAROUSEL",
        "cards": [
            {"components": [IMAGE, BODY, buttons({"type": "QUICK_REPLY", "text": "Да"})]},
            {"components": [IMAGE, BODY, buttons({"type": "QUICK_REPLY", "text": "Да"})]},
        ],
    },
)


def carousel(*cards: list[dict[str, Any]]) -> dict[str, Any]:
    found = [{"card_index": number, "components": components} for number, components in enumerate(cards)]
    return {"type": "carousel", "cards": found}


CARD = [header("image"), body(*texts("58", "завтра"))]

FITS: dict[str, tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = {
    "nothing for nothing": ("utility", [PLAIN], []),
    "an empty body for nothing": ("utility", [PLAIN], [body()]),
    "texts": ("utility", [BODY], [body(*texts("58", "завтра"))]),
    "money and time": (
        "utility",
        [BODY],
        [
            body(
                {"type": "currency", "currency": {"fallback_value": "6 ₽", "code": "RUB", "amount_1000": 6_000}},
                {"type": "date_time", "date_time": {"fallback_value": "завтра"}},
            )
        ],
    ),
    "names in any order": ("utility", [NAMED], [body(*named(order="58", first_name="Анна"))]),
    "a text header": (
        "utility",
        [{"type": "HEADER", "format": "TEXT", "text": "{{1}}!"}, PLAIN],
        [{"type": "HEADER", "parameters": texts("Анна")}],
    ),
    "a header that is fixed": ("utility", [{"type": "HEADER", "format": "TEXT", "text": "Привет"}, PLAIN], []),
    "an image header": ("marketing", [IMAGE, PLAIN], [header("image")]),
    "a document header": (
        "utility",
        [{"type": "HEADER", "format": "DOCUMENT"}, PLAIN],
        [header("document", {"link": LINK, "filename": "счёт.pdf"})],
    ),
    "a place in the header": (
        "utility",
        [{"type": "HEADER", "format": "LOCATION"}, PLAIN],
        [header("location", {"latitude": 1, "longitude": 2, "name": "x", "address": "y"})],
    ),
    "the buttons that need something": ("marketing", KEYS, list(KEYS_FILLED)),
    "all buttons": (
        "marketing",
        KEYS,
        [
            button(0, "quick_reply", "payload", "да"),
            *KEYS_FILLED,
            button("6", "CATALOG", "action", {"thumbnail_product_retailer_id": "1"}),
        ],
    ),
    "a code": ("authentication", CODE, [body(*texts("123456")), button("0", "url", "text", "123456")]),
    "a code as Meta stores it": (
        "authentication",
        FETCHED_CODE,
        [body(*texts("123456")), button("0", "url", "text", "123456")],
    ),
    "cards": ("marketing", CARDS, [carousel(CARD, CARD)]),
    "an offer": (
        "marketing",
        [PLAIN, {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "x"}}],
        [
            {
                "type": "limited_time_offer",
                "parameters": [{"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1}}],
            }
        ],
    ),
}

MISFITS: dict[str, tuple[str, list[dict[str, Any]], list[dict[str, Any]], int, str]] = {
    "one too few": (
        "utility",
        [BODY],
        [body(*texts("58"))],
        132000,
        "body: number of localizable_params (1) does not match the expected number of params (2)",
    ),
    "one too many": (
        "utility",
        [PLAIN],
        [body(*texts("58"))],
        132000,
        "body: number of localizable_params (1) does not match the expected number of params (0)",
    ),
    "names for places": ("utility", [BODY], [body(*named(a="1", b="2"))], 132012, "body: the parameters of this"),
    "places for names": ("utility", [NAMED], [body(*texts("1", "2"))], 132012, "body: parameter_name is required"),
    "a missing name": (
        "utility",
        [NAMED],
        [body(*named(order="58"))],
        132000,
        "body: these parameters are missing: first_name.",
    ),
    "an unexpected name": (
        "utility",
        [NAMED],
        [body(*named(order="58", first_name="x", x="y"))],
        132000,
        "body: there are unexpected parameters; the template has only first_name, order.",
    ),
    "a name twice": (
        "utility",
        [NAMED],
        [body(*named(order="58"), *named(order="59"))],
        132012,
        "body: a parameter_name is given twice",
    ),
    "no image": (
        "marketing",
        [IMAGE, PLAIN],
        [],
        132012,
        "header: Format mismatch, expected IMAGE, received UNKNOWN",
    ),
    "a video for an image": (
        "marketing",
        [IMAGE, PLAIN],
        [header("video")],
        132012,
        "header: Format mismatch, expected IMAGE, received VIDEO",
    ),
    "an image for a text": (
        "marketing",
        [{"type": "HEADER", "format": "TEXT", "text": "{{1}}"}, PLAIN],
        [header("image")],
        132012,
        "header: Format mismatch, expected TEXT, received IMAGE",
    ),
    "a header for none": (
        "marketing",
        [PLAIN],
        [{"type": "header", "parameters": texts("x")}],
        132000,
        "header: number of localizable_params (1)",
    ),
    "no suffix": (
        "marketing",
        KEYS,
        list(KEYS_FILLED[1:]),
        131008,
        "buttons: Button at index 1 of type Url requires a parameter",
    ),
    "no flow": ("marketing", KEYS, list(KEYS_FILLED[:2]), 131008, "buttons: Button at index 5 of type Flow requires"),
    "no button": (
        "marketing",
        KEYS,
        [*KEYS_FILLED, button(7, "quick_reply", "payload", "x")],
        132018,
        "buttons: there is no button at index 7",
    ),
    "a suffix for a fixed url": (
        "marketing",
        KEYS,
        [*KEYS_FILLED, button(2, "url", "text", "x")],
        132018,
        "buttons: Button at index 2 of type Url takes no parameters",
    ),
    "another kind of button": (
        "marketing",
        KEYS,
        [*KEYS_FILLED, button(0, "url", "text", "x")],
        132018,
        "buttons: Button at index 0 of type QuickReply takes the sub_type quick_reply",
    ),
    "a code without a button": (
        "authentication",
        CODE,
        [body(*texts("1"))],
        131008,
        "buttons: Button at index 0 of type Otp requires a parameter",
    ),
    "a long code": (
        "authentication",
        CODE,
        [body(*texts("1" * 16)), button(0, "url", "text", "1" * 16)],
        132018,
        "body: the code must be a text of at most 15 characters",
    ),
    "two codes": (
        "authentication",
        CODE,
        [body(*texts("1")), button(0, "url", "text", "2")],
        132018,
        "buttons: Button at index 0 must hold the code of the body",
    ),
    "too few cards": ("marketing", CARDS, [carousel(CARD)], 132000, "carousel: number of cards (1)"),
    "a card without its image": (
        "marketing",
        CARDS,
        [carousel(CARD, CARD[1:])],
        132012,
        "carousel card 1: header: Format mismatch, expected IMAGE",
    ),
    "an offer that is none": (
        "marketing",
        [PLAIN, {"type": "LIMITED_TIME_OFFER"}],
        [],
        132018,
        "limited_time_offer: the component is required",
    ),
    # ... and what fits no template at all.
    "two bodies": ("utility", [PLAIN], [body(), body()], 100, "template.components[1]: there is more than one body"),
    "an unknown component": ("utility", [PLAIN], [{"type": "foot"}], 131009, "template.components[0].type must be"),
    "a parameter without type": (
        "utility",
        [BODY],
        [body({"text": "58"})],
        131008,
        "template.components[0].parameters[0].type must be one of currency, date_time, text",
    ),
    "an empty parameter": (
        "utility",
        [BODY],
        [body(*texts("58", ""))],
        131008,
        "template.components[0].parameters[1].text is required and must not be empty",
    ),
    "a time without words": (
        "utility",
        [BODY],
        [body({"type": "date_time", "date_time": {"year": 2026}})],
        131008,
        "template.components[0].parameters[0].date_time.fallback_value is required",
    ),
    "money without words": (
        "utility",
        [BODY],
        [body({"type": "currency", "currency": {"code": "RUB"}})],
        131008,
        "template.components[0].parameters[0].currency.fallback_value is required",
    ),
    "a long parameter": (
        "utility",
        [BODY],
        [header("image"), body(*texts("x" * 1_025))],
        132005,
        "template.components[1].parameters[0].text must be at most 1024",
    ),
    "a long header": (
        "utility",
        [BODY],
        [{"type": "header", "parameters": texts("x" * 61)}],
        132005,
        "template.components[0].parameters[0].text must be at most 60",
    ),
    "a header link to nowhere": (
        "utility",
        [IMAGE, PLAIN],
        [header("image", {"link": "nowhere"})],
        131009,
        "template.components[0].parameters[0].image.link must be a whole http",
    ),
    "a button without a place": (
        "marketing",
        KEYS,
        [button(None, "url", "text", "x")],
        131008,
        "template.components[0].index is required",
    ),
    "a button far away": (
        "marketing",
        KEYS,
        [button("12", "url", "text", "x")],
        131008,
        "template.components[0].index",
    ),
    "a button twice": (
        "marketing",
        KEYS,
        [KEYS_FILLED[0], KEYS_FILLED[0]],
        131009,
        "template.components[1].index: the button 1 is given twice",
    ),
    "an unknown button": (
        "marketing",
        KEYS,
        [button(0, "swipe", "text", "x")],
        131009,
        "template.components[0].sub_type must be one of quick_reply, url",
    ),
    "a long coupon": (
        "marketing",
        KEYS,
        [button(4, "copy_code", "coupon_code", "x" * 16)],
        100,
        "template.components[0].parameters[0].coupon_code must be at most 15",
    ),
    "a long payload": (
        "marketing",
        KEYS,
        [button(0, "quick_reply", "payload", "x" * 257)],
        100,
        "template.components[0].parameters[0].payload must be at most 256",
    ),
    "a carousel in a card": (
        "marketing",
        CARDS,
        [carousel([carousel(CARD)])],
        131009,
        "template.components[0].cards[0].components must not hold a carousel",
    ),
}


def fit(category: Any, components: list[dict[str, Any]], given: list[dict[str, Any]], **more: Any) -> None:
    request = template("58", components=given) | more
    shape = compile_shape(category, components)
    fitted(Template(None, category, "approved", 1, 0, shape), read_send(json.dumps(request).encode()))  # type: ignore[arg-type]  # its id is not asked for


@pytest.mark.parametrize("name", FITS)
def test_what_fits_is_taken(name: str) -> None:
    fit(*FITS[name])


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_refused_by_part_and_rule(name: str) -> None:
    category, components, given, code, words = MISFITS[name]
    with pytest.raises(GraphError) as caught:
        fit(category, components, given)
    assert (caught.value.graph_code, caught.value.message[: len(words)]) == (code, words)


def test_a_code_needs_a_phone_number() -> None:
    given = [body(*texts("123456")), button("0", "url", "text", "123456")]
    with pytest.raises(GraphError) as caught:
        fit("authentication", CODE, given, to=None, recipient="US.1349")
    assert caught.value.graph_code == 131062
    fit("utility", [PLAIN], [], to=None, recipient="US.1349")


def test_odd_stored_components_compile_to_something() -> None:
    odd: list[dict[str, Any]] = [{}, {"type": 7, "text": 7}, {"type": "BUTTONS", "buttons": "x"}, {"type": "CAROUSEL"}]
    assert compile_shape("utility", odd) is not None
    assert compile_shape("utility", []) is None


async def test_the_door_asks_the_stored_version(gateway: Gateway, tenant: Tenant) -> None:
    path = f"/internal/tenants/{tenant.id}/templates"
    registered = {"waba_id": "100200300400", "name": "with_image", "language": "ru", "category": "MARKETING"}
    assert (await gateway.staff(path, registered | {"components": [IMAGE, NAMED]})).status == 201
    good = template(name="with_image", components=[header("image"), body(*named(order="58", first_name="Анна"))])
    assert (await gateway.send(tenant, good)).status == 200
    answer = await gateway.send(tenant, template("58", "Анна", name="with_image"))
    assert (answer.status, answer.error["code"]) == (400, 132012)
    counted = {"waba_id": "100200300400", "name": "only_counted", "language": "ru", "category": "UTILITY"}
    assert (await gateway.staff(path, counted | {"body_parameters": 1})).status == 201
    assert (await gateway.send(tenant, template("58", name="only_counted"))).status == 200
    assert (await gateway.send(tenant, template(name="only_counted"))).error["code"] == 132000
