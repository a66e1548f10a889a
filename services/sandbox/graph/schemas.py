"""The request shapes of `POST /{version}/{phone_number_id}/messages`."""

from typing import Any

import msgspec

from services.sandbox.refusals import GraphError


class Text(msgspec.Struct, gc=False):
    body: str | None = None
    preview_url: bool = False


class Language(msgspec.Struct, gc=False):
    code: str | None = None
    policy: str | None = None


class Parameter(msgspec.Struct, gc=False):
    """One value of a template; the objects beside `text` are looked into by the checks."""

    type: str | None = None
    text: str | None = None
    parameter_name: str | None = None
    payload: str | None = None
    coupon_code: str | None = None
    image: dict[str, Any] | None = None
    video: dict[str, Any] | None = None
    document: dict[str, Any] | None = None
    location: dict[str, Any] | None = None
    currency: dict[str, Any] | None = None
    date_time: dict[str, Any] | None = None
    action: dict[str, Any] | None = None


class Component(msgspec.Struct, gc=False):
    type: str | None = None
    sub_type: str | None = None
    index: int | str | None = None
    parameters: list[Parameter] = []
    cards: list[dict[str, Any]] = []


class Template(msgspec.Struct, gc=False):
    name: str | None = None
    language: Language | None = None
    components: list[Component] = []

    @property
    def body_parameters(self) -> list[Parameter]:
        return [p for c in self.components if (c.type or "").lower() == "body" for p in c.parameters]


class Context(msgspec.Struct, gc=False):
    message_id: str | None = None


class Message(msgspec.Struct, gc=False):
    """What may be posted; a `status` makes it a read mark, which is no message."""

    messaging_product: str | None = None
    to: str | None = None
    recipient: str | None = None
    type: str = "text"
    recipient_type: str = "individual"
    text: Text | None = None
    template: Template | None = None
    context: Context | None = None
    biz_opaque_callback_data: str | None = None
    recipient_identity_key_hash: str | None = None
    status: str | None = None
    message_id: str | None = None
    typing_indicator: dict[str, Any] | None = None

    @property
    def is_mark(self) -> bool:
        return self.status is not None

    @property
    def words(self) -> str:
        """What the person would see, as far as the sandbox knows: the text, or the template with its parameters."""
        if self.text is not None:
            return self.text.body or ""
        if self.template is None:
            return ""
        return " | ".join([self.template.name or "", *(p.text or "" for p in self.template.body_parameters)])


class Addressed(msgspec.Struct, gc=False):
    """As much of a broken request as its record needs."""

    to: Any = None
    type: Any = "text"
    biz_opaque_callback_data: Any = None


_decode = msgspec.json.Decoder(Message).decode
_decode_addressed = msgspec.json.Decoder(Addressed).decode


def parse(body: bytes) -> Message:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # its words name the field, never the value
        raise GraphError(100, f"Invalid parameter: {error}") from error
    except RecursionError as error:
        raise GraphError(100, "Invalid parameter: the JSON is nested too deeply.") from error


def addressed(body: bytes) -> Addressed:
    try:
        return _decode_addressed(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Addressed()


def content_of(body: bytes, kind: str) -> Any:
    """The object under the type's name, for the types that are looked into only by the checks."""
    return msgspec.json.decode(body).get(kind)
