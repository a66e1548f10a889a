"""The shapes of interactive messages (whatsapp-cloud-api 2.2)."""

from services.gateway.graph import limits
from services.gateway.graph.interactives import RULES
from tools.vestnik.openapi.note import Json
from tools.vestnik.openapi.shapes import choice, const, integer, items, obj, ref, text

NO_BLANKS = r"^\S(.*\S)?$"
# The name of the action of each kind that is passed on, and which need its parameters (as the door reads them).
NAMED = {"order_details": "review_and_pay", "order_status": "review_order"} | {
    kind: kind for kind in ("request_contact_info", "call_permission_request", "voice_call", "address_message")
}
NEEDS_PARAMETERS = frozenset({"order_details", "order_status", "address_message"})
FOOTER = obj(
    "A line under the text.",
    "text",
    text=text("Up to 60 characters.", minLength=1, maxLength=limits.FOOTER_CHARACTERS_MAX, example="Пекарня на Мира"),
)
REPLY = obj(
    "A button that answers.",
    "type reply",
    type=const("reply", "The only type."),
    reply=obj(
        "What the person sees and what comes back to you.",
        "id title",
        id=text(
            "Comes back when the person presses it; no blanks at its ends.",
            minLength=1,
            maxLength=limits.REPLY_ID_CHARACTERS_MAX,
            pattern=NO_BLANKS,
            example="ok",
        ),
        title=text(
            "What stands on the button; different on each.",
            minLength=1,
            maxLength=limits.BUTTON_TITLE_CHARACTERS_MAX,
            example="Хорошо",
        ),
    ),
)
ROW = obj(
    "A line to choose.",
    "id title",
    id=text(
        "Comes back when the person chooses it.", minLength=1, maxLength=limits.ROW_ID_CHARACTERS_MAX, example="morning"
    ),
    title=text("What the person sees.", minLength=1, maxLength=limits.ROW_TITLE_CHARACTERS_MAX, example="Утром"),
    description=text("A second line.", maxLength=limits.ROW_DESCRIPTION_CHARACTERS_MAX, example="С 9 до 12"),
)
SECTION = obj(
    "A group of rows; with more than one section each needs a title.",
    "rows",
    title=text("Heading of the group.", maxLength=limits.ROW_TITLE_CHARACTERS_MAX, example="Когда привезти"),
    rows=items("Up to 10 rows in all sections together.", ROW, minItems=1, maxItems=limits.LIST_ROWS_MAX),
)
PRODUCT = obj(
    "A product of your catalogue.",
    "product_retailer_id",
    product_retailer_id=text("Your own id of the product.", minLength=1, example="bread-17"),
)
PRODUCTS = obj(
    "A group of products.",
    "product_items",
    title=text("Heading of the group.", maxLength=limits.ROW_TITLE_CHARACTERS_MAX, example="Хлеб"),
    product_items=items(
        "Up to 30 products in all sections together.", PRODUCT, minItems=1, maxItems=limits.PRODUCTS_MAX
    ),
)


OTHERS = {
    "order_details": "Asks the person to review and pay an order; where payments exist.",
    "order_status": "How a paid order stands.",
    "request_contact_info": "A button that asks for the person's phone number.",
    "call_permission_request": "Asks whether you may call.",
    "voice_call": "A button that calls you.",
    "address_message": "Asks for a delivery address; in some countries.",
}


def schemas() -> Json:
    """Every kind of interactive message, and the one that says which it is."""
    kinds = {
        "button": ("Up to three buttons under a text.", _buttons()),
        "list": ("A button that opens a list to choose from.", _list()),
        "cta_url": ("A button that opens a link.", _link()),
        "location_request_message": ("A button that asks where the person is.", _named("send_location")),
        "flow": ("A button that opens a form (WhatsApp Flow).", _flow()),
        "product": ("One product of your catalogue.", _product()),
        "product_list": ("Several products of your catalogue.", _product_list()),
        "catalog_message": ("Your whole catalogue.", _catalogue()),
        "carousel": ("Cards to swipe through; checked by shape, judged by Meta.", _carousel()),
        **{kind: (words, _passed_on(kind)) for kind, words in OTHERS.items()},
    }
    built = {_name(kind): _kind(kind, words, action) for kind, (words, action) in kinds.items()}
    return {**built, "Interactive": _interactive(kinds)}


def _interactive(kinds: Json) -> Json:
    mapping = {kind: f"#/components/schemas/{_name(kind)}" for kind in kinds}
    return {
        "description": "A message with something to press; `type` says what.",
        "oneOf": [ref(_name(kind)) for kind in kinds],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }


def _name(kind: str) -> str:
    return "Interactive" + "".join(part.title() for part in kind.removesuffix("_message").split("_"))


def _kind(kind: str, words: str, action: Json) -> Json:
    rule = RULES[kind]
    required = ["type", "action", *(["body"] if rule.is_body_required else [])]
    parts = {"type": const(kind, "Which kind it is."), "body": _body(rule.body_characters_max), "action": action}
    if rule.headers:
        parts["header"] = _header(sorted(rule.headers))
        required += ["header"] if rule.is_header_required else []
    if rule.has_footer:
        parts["footer"] = FOOTER
    return obj(words, " ".join(required), **parts)


def _body(characters_max: int) -> Json:
    shown = text(
        f"Up to {characters_max} characters.", minLength=1, maxLength=characters_max, example="Когда вам удобно?"
    )
    return obj("The text of the message.", "text", text=shown)


def _header(kinds: list[str]) -> Json:
    files = {kind: ref("MediaReference") for kind in kinds if kind != "text"}
    return obj(
        "What stands above the text: the field that `type` names.",
        "type",
        type=choice("What it is.", *kinds),
        text=text("With type text.", minLength=1, maxLength=limits.HEADER_CHARACTERS_MAX, example="Заказ 1042"),
        **files,
    )


def _passed_on(kind: str) -> Json:
    name = NAMED[kind]
    return obj(
        "As Meta describes it; passed on as it comes.",
        "name parameters" if kind in NEEDS_PARAMETERS else "name",
        name=const(name, "The only name."),
        parameters={
            "type": "object",
            "description": "Meta's parameters.",
            "additionalProperties": True,
            "minProperties": 1,
        },
    )


def _buttons() -> Json:
    return obj(
        "The buttons.", "buttons", buttons=items("One to three.", REPLY, minItems=1, maxItems=limits.REPLY_BUTTONS_MAX)
    )


def _list() -> Json:
    return obj(
        "What the button opens.",
        "button sections",
        button=text(
            "What stands on the button.", minLength=1, maxLength=limits.BUTTON_TITLE_CHARACTERS_MAX, example="Выбрать"
        ),
        sections=items("Groups of rows.", SECTION, minItems=1, maxItems=limits.LIST_SECTIONS_MAX),
    )


def _link() -> Json:
    parameters = obj(
        "The button.",
        "display_text url",
        display_text=text(
            "What stands on it.", minLength=1, maxLength=limits.BUTTON_TITLE_CHARACTERS_MAX, example="Открыть заказ"
        ),
        url=text(
            "Where it leads.",
            minLength=1,
            maxLength=limits.URL_CHARACTERS_MAX,
            pattern="^https?://",
            example="https://shop.example.com/orders/1042",
        ),
    )
    return obj(
        "Where the button leads.",
        "name parameters",
        name=const("cta_url", "The only name."),
        parameters=parameters,
    )


def _named(name: str) -> Json:
    return obj("What the button does.", "name", name=const(name, "The only name."))


def _flow() -> Json:
    parameters = obj(
        "Which form, and how it opens; give `flow_id` or `flow_name`.",
        "flow_message_version flow_cta",
        flow_message_version=text("The version of flow messages.", example="3"),
        flow_id=text("Meta's id of the flow.", example="1122334455"),
        flow_name=text("Its name, instead of the id.", example="booking"),
        flow_cta=text(
            "What stands on the button; no emoji.",
            minLength=1,
            maxLength=limits.PLACE_CHARACTERS_MAX,
            example="Записаться",
        ),
        flow_token=text("Comes back with the answers.", example="order-1042"),
        mode=choice("Draft is for tests.", "published", "draft"),
        flow_action=choice("What opens first.", "navigate", "data_exchange"),
        flow_action_payload=obj(
            "The first screen and its data.",
            screen=text("Name of the screen.", example="WELCOME"),
            data={"type": "object", "description": "Values for the screen.", "additionalProperties": True},
        ),
    )
    return obj("The form.", "name parameters", name=const("flow", "The only name."), parameters=parameters)


def _product() -> Json:
    return obj(
        "The product.",
        "catalog_id product_retailer_id",
        catalog_id=text("Meta's id of your catalogue.", minLength=1, example="194836987003835"),
        product_retailer_id=text("Your own id of the product.", minLength=1, example="bread-17"),
    )


def _product_list() -> Json:
    return obj(
        "The products.",
        "catalog_id sections",
        catalog_id=text("Meta's id of your catalogue.", minLength=1, example="194836987003835"),
        sections=items("Groups of products.", PRODUCTS, minItems=1, maxItems=limits.PRODUCT_SECTIONS_MAX),
    )


def _catalogue() -> Json:
    parameters = obj(
        "What is shown first.",
        thumbnail_product_retailer_id=text("The product whose picture is shown.", example="bread-17"),
    )
    return obj("The catalogue.", "name", name=const("catalog_message", "The only name."), parameters=parameters)


def _carousel() -> Json:
    card = obj(
        "A card: a header, a body, and buttons as Meta describes them.",
        "card_index action",
        card_index=integer("Its place, from 0.", minimum=0, maximum=9, example=0),
        type=text("Its kind, like cta_url or product.", example="cta_url"),
        header=_header(["image", "video"]),
        body=_body(limits.CARD_BODY_CHARACTERS_MAX),
        action={"type": "object", "description": "What its buttons do.", "additionalProperties": True},
    )
    return obj(
        "The cards.",
        "cards",
        cards=items(
            "Two to ten, numbered from 0 in order.", card, minItems=limits.CARDS_MIN, maxItems=limits.CARDS_MAX
        ),
    )
