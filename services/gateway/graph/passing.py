"""Actions that pass through to Meta as they came, after a look at their shape: flows, products, carousels, payments."""

from typing import Annotated, Any

import msgspec

from services.gateway.graph import limits
from services.gateway.graph.actions import Read, check_name, check_titles
from services.gateway.graph.decoding import check_nesting, decode, missing, wrong
from services.gateway.graph.errors import InvalidParameter

Json = dict[str, Any]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.PLACE_CHARACTERS_MAX)]

FLOW_MODES = ("draft", "published")
FLOW_ACTIONS = ("navigate", "data_exchange")


class FlowParameters(msgspec.Struct):
    flow_message_version: str | int
    flow_cta: _Text
    flow_id: str | int | None = None
    flow_name: _Text | None = None
    mode: str = "published"
    flow_action: str = "navigate"
    flow_action_payload: Json | None = None


class Flow(msgspec.Struct):
    name: str
    parameters: FlowParameters


class Product(msgspec.Struct):
    catalog_id: str
    product_retailer_id: _Text


class Item(msgspec.Struct):
    product_retailer_id: _Text


class ProductSection(msgspec.Struct):
    product_items: Annotated[list[Item], msgspec.Meta(min_length=1)]
    title: Annotated[str, msgspec.Meta(max_length=limits.SECTION_TITLE_CHARACTERS_MAX)] | None = None


class ProductList(msgspec.Struct):
    catalog_id: str
    sections: Annotated[list[ProductSection], msgspec.Meta(min_length=1, max_length=limits.PRODUCT_SECTIONS_MAX)]


class CardBody(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.CARD_BODY_CHARACTERS_MAX)]


class Card(msgspec.Struct):
    card_index: int
    action: Json
    header: Json | None = None
    body: CardBody | None = None


class Carousel(msgspec.Struct):
    cards: Annotated[list[Card], msgspec.Meta(min_length=limits.CARDS_MIN, max_length=limits.CARDS_MAX)]


class Named(msgspec.Struct):
    name: str
    parameters: Json | None = None


_json = msgspec.json.Decoder(Json)
_flow = msgspec.json.Decoder(Flow)
_product = msgspec.json.Decoder(Product)
_product_list = msgspec.json.Decoder(ProductList)
_carousel = msgspec.json.Decoder(Carousel)
_named = msgspec.json.Decoder(Named)


def read_flow(raw: msgspec.Raw, at: str) -> Json:
    action = decode(_flow, raw, at)
    check_name(action.name, "flow", at)
    parameters, place = action.parameters, f"{at}.parameters"
    if (parameters.flow_id is None) == (parameters.flow_name is None):
        wrong(f"{place}: give one of flow_id and flow_name.")
    if parameters.mode not in FLOW_MODES:
        wrong(f"{place}.mode must be one of {', '.join(FLOW_MODES)}.")
    if parameters.flow_action not in FLOW_ACTIONS:
        wrong(f"{place}.flow_action must be one of {', '.join(FLOW_ACTIONS)}.")
    return _as_it_came(raw, at)


def read_product(raw: msgspec.Raw, at: str) -> Json:
    decode(_product, raw, at)
    return _as_it_came(raw, at)


def read_product_list(raw: msgspec.Raw, at: str) -> Json:
    action = decode(_product_list, raw, at)
    check_titles([section.title for section in action.sections], f"{at}.sections")
    if sum(len(section.product_items) for section in action.sections) > limits.PRODUCTS_MAX:
        raise InvalidParameter(f"{at}.sections must hold at most {limits.PRODUCTS_MAX} products in total.")
    return _as_it_came(raw, at)


def read_carousel(raw: msgspec.Raw, at: str) -> Json:
    action = decode(_carousel, raw, at)
    for index, card in enumerate(action.cards):
        if card.card_index != index:
            wrong(f"{at}.cards[{index}].card_index must be {index}: number the cards from 0, in order.")
        if card.header is None and "product_retailer_id" not in card.action:
            missing(f"{at}.cards[{index}].header is required: an image or a video.")
    return _as_it_came(raw, at)


def named(name: str, *, needs_parameters: bool = False) -> Read:
    """Reads an action that is known by its name."""

    def read(raw: msgspec.Raw, at: str) -> Json:
        action = decode(_named, raw, at)
        check_name(action.name, name, at)
        if needs_parameters and not action.parameters:
            missing(f"{at}.parameters is required.")
        return _as_it_came(raw, at)

    return read


def _as_it_came(raw: msgspec.Raw, at: str) -> Json:
    action = decode(_json, raw, at)
    check_nesting(action, at)
    return action
