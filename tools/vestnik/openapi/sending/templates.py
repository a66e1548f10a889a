"""The shape of a template message and of its components (whatsapp-cloud-api 2.2)."""

from services.gateway.graph import limits
from services.gateway.graph.template_parts import BODY_TYPES, BUTTON_TYPES, HEADER_TYPES, OFFER_TYPES
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Json
from tools.vestnik.openapi.shapes import choice, integer, items, obj, ref, text

TYPES = frozenset().union(HEADER_TYPES, BODY_TYPES, OFFER_TYPES, *BUTTON_TYPES.values())
FALLBACK = text("What is shown.", minLength=1, example="1 200 ₽")


def schemas() -> Json:
    """A template with its components and parameters."""
    return {
        "Template": obj(
            "An approved template of the number's WABA. Its parameters are compared with what was approved before the "
            "message is accepted (132000, 132001).",
            "name language",
            name=text("Its name.", pattern="^[a-z0-9_]{1,512}$", example=samples.TEMPLATE),
            language=obj(
                "Which translation.",
                "code",
                code=text("As approved.", pattern="^[A-Za-z]{2,3}(_[A-Za-z0-9]{2,4})?$", example=samples.LANGUAGE),
            ),
            components=items(
                "Values for header, body, buttons and cards.",
                ref("TemplateComponent"),
                maxItems=limits.TEMPLATE_COMPONENTS_MAX,
            ),
        ),
        "TemplateComponent": _component(),
        "TemplateParameter": _parameter(),
    }


def _component() -> Json:
    card = obj(
        "One card: its own components.",
        "card_index components",
        card_index=integer("Its place, from 0.", minimum=0, maximum=9, example=0),
        components=items("Values of the card.", ref("TemplateComponent"), maxItems=limits.CARDS_MAX),
    )
    return obj(
        "Values for one part of the template.",
        "type",
        type=choice("Which part.", "body", "header", "button", "carousel", "limited_time_offer"),
        sub_type=choice(
            "With type button: its kind.",
            *sorted(BUTTON_TYPES),
        ),
        index={
            "description": "With type button: its place, from 0, as a number or a text.",
            "oneOf": [
                {"type": "string", "description": "As a text.", "pattern": "^[0-9]$", "examples": ["0"]},
                integer("As a number.", minimum=0, maximum=9, example=0),
            ],
        },
        parameters=items("In order, or each with its parameter_name.", ref("TemplateParameter")),
        cards=items("With type carousel.", card, maxItems=limits.CARDS_MAX),
    )  # fmt: skip


def _parameter() -> Json:
    money = obj(
        "Always shown as fallback_value.",
        "fallback_value",
        fallback_value=FALLBACK,
        code=text("ISO 4217.", minLength=3, maxLength=3, example="RUB"),
        amount_1000=integer("A thousand times the amount.", example=1200000),
    )
    return obj(
        "One value; the field named like `type` holds it.",
        "type",
        type=choice(
            "What it is.",
            "text", *sorted(TYPES - {"text"}),
        ),
        parameter_name=text("For templates with named parameters.", example="order_number"),
        text=text("With type text.", maxLength=limits.TEMPLATE_LONE_BODY_CHARACTERS_MAX, example="Анна"),
        currency=money,
        date_time=obj("Always shown as fallback_value.", "fallback_value", fallback_value=FALLBACK),
        image=ref("MediaReference"),
        video=ref("MediaReference"),
        document=ref("MediaReference"),
        location=ref("Location"),
        payload=text("With type payload: comes back.", maxLength=limits.PAYLOAD_CHARACTERS_MAX, example="ok-1042"),
        coupon_code=text("With type coupon_code.", maxLength=limits.COUPON_CHARACTERS_MAX, example="BREAD10"),
        product={"type": "object", "description": "As Meta describes it.", "additionalProperties": True},
        ttl_minutes=integer("With type ttl_minutes: how long the call button works.", minimum=1, example=100),
        action={"type": "object", "description": "With type action: Meta describes it.", "additionalProperties": True},
        limited_time_offer={
            "type": "object",
            "description": "When the offer ends.",
            "properties": {"expiration_time_ms": integer("Unix time in milliseconds.", example=1795424400000)},
        },
    )  # fmt: skip
