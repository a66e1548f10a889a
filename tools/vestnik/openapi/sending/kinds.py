"""The shape of every kind of message but interactive ones and templates (whatsapp-cloud-api 2.2)."""

from services.gateway.graph import limits
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Json
from tools.vestnik.openapi.shapes import boolean, const, items, number, obj, ref, text

CAPTION = text("Up to 1,024 characters.", maxLength=limits.CAPTION_CHARACTERS_MAX, example="Ваш заказ готов")
FREE_FORM = (
    "text",
    "image",
    "audio",
    "video",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
)


def common() -> Json:
    """The fields that every message has."""
    return {
        "messaging_product": const("whatsapp", "Always `whatsapp`."),
        "recipient_type": const("individual", "May be left out; groups are not supported."),
        "to": text(
            "The person's number, with its country code; `+`, blanks, dashes and brackets are allowed.",
            minLength=1,
            maxLength=40,
            example=samples.PERSON,
        ),
        "recipient": text(
            "The person's business-scoped user id, instead of `to`.",
            pattern=r"^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$",
            example="RU.13491208655302741918",
        ),
        "context": obj(
            "Quote a message: the bubble above yours.",
            "message_id",
            message_id=text("An id of ours: of a message you sent or received.", example=samples.INBOUND_ID),
        ),
        "biz_opaque_callback_data": text(
            "Comes back to you in every status of this message.",
            maxLength=limits.CALLBACK_DATA_CHARACTERS_MAX,
            example="order-1042",
        ),
        "recipient_identity_key_hash": text(
            "Refuse (137000) if the person's identity has changed.",
            maxLength=limits.IDENTITY_HASH_CHARACTERS_MAX,
            example="DF2lS5v2W6x=",
        ),
        "max_price": text(
            "Ours: the highest price to pay, as a decimal in your wallet's currency; a dearer message fails (131042).",
            pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$",
            example="6.00",
        ),
    }


def schemas() -> Json:
    """The content of each kind."""
    return {
        "Text": obj(
            "A text; free-form, so inside the window only.",
            "body",
            body=text(
                "1 to 4,096 characters.", minLength=1, maxLength=limits.TEXT_CHARACTERS_MAX, example="Ваш заказ готов."
            ),
            preview_url=boolean("Show a preview of the first link.", example=False),
        ),
        "MediaReference": _media("A file: give `id` or `link`."),
        "Image": _media("A JPEG or PNG up to 5 MB.", caption=CAPTION),
        "Video": _media("An MP4 or 3GP up to 16 MB.", caption=CAPTION),
        "Audio": _media("AAC, AMR, MP3, M4A or OGG up to 16 MB.", voice=boolean("A voice note: OGG with OPUS only.")),
        "Document": _media(
            "Any file up to 100 MB.",
            caption=CAPTION,
            filename=text(
                "Its name on the person's phone.", maxLength=limits.FILE_NAME_CHARACTERS_MAX, example="invoice-1042.pdf"
            ),
        ),
        "Sticker": _media("A WebP of 512 by 512 points, up to 100 KB (animated 500 KB)."),
        "Location": _location(),
        "Contact": _contact(),
        "Reaction": obj(
            "An emoji under a message; an empty one takes it away.",
            "message_id emoji",
            message_id=text("An id of ours: of a message you received or sent.", example=samples.INBOUND_ID),
            emoji=text("One emoji, or empty.", maxLength=limits.EMOJI_CHARACTERS_MAX, example="👍"),
        ),
    }


def _media(words: str, **more: Json) -> Json:
    return obj(
        words,
        id=text(
            "What our upload answered.", minLength=1, maxLength=limits.MEDIA_ID_CHARACTERS_MAX, example=samples.MEDIA_ID
        ),
        link=text(
            "A public http(s) address that Meta fetches; cached for 10 minutes.",
            minLength=1,
            maxLength=limits.URL_CHARACTERS_MAX,
            pattern="^https?://",
            example="https://shop.example.com/bread.jpg",
        ),
        **more,
    )


def _location() -> Json:
    def coordinate(words: str, most: int, shown: float) -> Json:
        return {
            "description": words,
            "oneOf": [
                number("As a number.", minimum=-most, maximum=most, example=shown),
                text("As a text.", pattern=r"^-?[0-9]{1,3}(\.[0-9]{1,12})?$", example=str(shown)),
            ],
        }

    return obj(
        "A point on the map.",
        "latitude longitude",
        latitude=coordinate("Degrees, -90 to 90.", 90, 55.7522),
        longitude=coordinate("Degrees, -180 to 180.", 180, 37.6156),
        name=text("What is there.", maxLength=limits.PLACE_CHARACTERS_MAX, example="Пекарня на Мира"),
        address=text("Its address.", maxLength=limits.PLACE_CHARACTERS_MAX, example="пр. Мира, 17"),
    )


def _contact() -> Json:
    kind = text("Like HOME or WORK.", example="WORK")
    name = obj(
        "`formatted_name` and at least one other part.",
        "formatted_name",
        formatted_name=text("The whole name.", minLength=1, example="Анна Петрова"),
        first_name=text("First name.", example="Анна"),
        last_name=text("Last name.", example="Петрова"),
        middle_name=text("Middle name.", example="Ивановна"),
        prefix=text("Before the name.", example="Д-р"),
        suffix=text("After the name.", example="мл."),
    )
    phone = obj(
        "A number.",
        phone=text("As it is shown.", example="+7 495 123-45-67"),
        wa_id=text("Its WhatsApp id, if any.", example=samples.DISPLAY_NUMBER),
        type=kind,
    )
    return obj(
        "A card of an address book.",
        "name",
        name=name,
        phones=items("Numbers.", phone),
        emails=items("Addresses.", obj("An address.", email=text("It.", example="anna@example.com"), type=kind)),
        urls=items("Pages.", obj("A page.", url=text("It.", example="https://shop.example.com"), type=kind)),
        addresses=items("Places.", _address(kind)),
        org=obj(
            "Where the person works.",
            company=text("Company.", example="Пекарня на Мира"),
            department=text("Department.", example="Доставка"),
            title=text("Position.", example="Управляющая"),
        ),
        birthday=text("YYYY-MM-DD.", pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", example="1990-05-17"),
    )


def _address(kind: Json) -> Json:
    return obj(
        "A place.",
        street=text("Street and house.", example="пр. Мира, 17"),
        city=text("City.", example="Москва"),
        state=text("Region.", example="Москва"),
        zip=text("Postal code.", example="129090"),
        country=text("Country.", example="Россия"),
        country_code=text("ISO 3166, two letters.", example="RU"),
        type=kind,
    )


def contents() -> Json:
    """By kind, the schema of the field of the same name."""
    own = {kind: ref(kind.title()) for kind in FREE_FORM if kind != "contacts"}
    return {
        **own,
        "contacts": items("1 to 257 cards.", ref("Contact"), minItems=1, maxItems=limits.CONTACTS_MAX),
        "template": ref("Template"),
    }
