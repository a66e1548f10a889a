"""What tenants send and get about numbers, accounts, templates and business profiles, in Meta's shape."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from services.kernel.fields import unacceptable

OBJECT_ID = "019ab0c4-7f3e-7c11-9c55-3d1a2b4c5d6e"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WEBSITE = re.compile(r"https?://[^\s/]+\S*")

Vertical = Literal[
    "", "UNDEFINED", "OTHER", "AUTO", "BEAUTY", "APPAREL", "EDU", "ENTERTAIN", "EVENT_PLAN", "FINANCE", "GROCERY",
    "GOVT", "HOTEL", "HEALTH", "NONPROFIT", "PROF_SERVICES", "RETAIL", "TRAVEL", "RESTAURANT", "ALCOHOL",
    "ONLINE_GAMBLING", "PHYSICAL_GAMBLING", "OTC_DRUGS", "MATRIMONY_SERVICE", "NOT_A_BIZ",
]  # fmt: skip


def _email(text: str) -> str:
    if text and not _EMAIL.fullmatch(text):
        raise unacceptable("this is not an e-mail address: write name@example.org, or an empty text for none")
    return text


def _website(text: str) -> str:
    if not _WEBSITE.fullmatch(text):
        raise unacceptable("a website begins with http:// or https://")
    return text


def _no_websites(given: Any) -> Any:
    return [] if given == "" else given


Website = Annotated[str, Field(max_length=256), AfterValidator(_website)]


class ProfileChange(BaseModel):
    """What people read about a business; fields that are left out stay as they are. An empty text clears one."""

    model_config = ConfigDict(extra="forbid")

    messaging_product: Literal["whatsapp"] = Field(examples=["whatsapp"])
    about: str | None = Field(
        default=None,
        min_length=1,
        max_length=139,
        description="The line under the name.",
        examples=["Открыто с 9 до 21"],
    )
    address: str | None = Field(default=None, max_length=256, examples=["Москва, Тверская улица, 1"])
    description: str | None = Field(default=None, max_length=512, examples=["Цветы с доставкой"])
    email: Annotated[str, AfterValidator(_email)] | None = Field(
        default=None, max_length=128, examples=["hello@example.org"]
    )
    profile_picture_handle: str | None = Field(
        default=None, max_length=2_000, description="A handle of Meta's Resumable Upload API."
    )
    vertical: Vertical | None = Field(default=None, description="The kind of business.", examples=["RETAIL"])
    websites: Annotated[list[Website], BeforeValidator(_no_websites)] | None = Field(
        default=None, max_length=2, examples=[["https://example.org"]]
    )


class Changed(BaseModel):
    """Meta has taken the change."""

    success: Literal[True] = Field(default=True, examples=[True])


class Profile(BaseModel):
    """What Meta says of it; fields without a value are left out."""

    messaging_product: str | None = Field(default=None, examples=["whatsapp"])
    about: str | None = Field(default=None, examples=["Открыто с 9 до 21"])
    address: str | None = Field(default=None, examples=["Москва, Тверская улица, 1"])
    description: str | None = Field(default=None, examples=["Цветы с доставкой"])
    email: str | None = Field(default=None, examples=["hello@example.org"])
    profile_picture_url: str | None = Field(default=None, description="At Meta; it expires.")
    websites: list[str] | None = Field(default=None, examples=[["https://example.org"]])
    vertical: str | None = Field(default=None, examples=["RETAIL"])


class ProfileList(BaseModel):
    """A business profile, in a list as Meta gives it."""

    data: list[Profile] = Field(description="One profile.")


class PhoneNumber(BaseModel):
    """A phone number: `id` and `display_phone_number` from our own records, the rest as Meta says it."""

    id: str = Field(examples=["106540352242922"])
    display_phone_number: str | None = Field(default=None, description="E.164 with +.", examples=["+74951234567"])
    verified_name: str | None = Field(default=None, examples=["Яблоневый сад"])
    status: str | None = Field(default=None, examples=["CONNECTED"])
    quality_rating: str | None = Field(default=None, description="GREEN, YELLOW, RED, UNKNOWN.", examples=["GREEN"])
    code_verification_status: str | None = Field(default=None, examples=["VERIFIED"])
    name_status: str | None = Field(default=None, examples=["APPROVED"])
    platform_type: str | None = Field(default=None, examples=["CLOUD_API"])
    throughput: dict[str, Any] | None = Field(default=None, examples=[{"level": "STANDARD"}])
    account_mode: str | None = Field(default=None, examples=["LIVE"])
    is_official_business_account: bool | None = Field(default=None, examples=[False])
    whatsapp_business_manager_messaging_limit: str | None = Field(default=None, examples=["TIER_2K"])
    messaging_limit_tier: str | None = Field(default=None, description="Deprecated by Meta.", examples=["TIER_1K"])
    health_status: dict[str, Any] | None = Field(
        default=None,
        description="Of the number and its account; what Meta says of the operator's app is left out.",
        examples=[{"can_send_message": "AVAILABLE", "entities": []}],
    )
    country_code: str | None = Field(default=None, examples=["RU"])
    country_dial_code: str | None = Field(default=None, examples=["7"])


class Account(BaseModel):
    """A WhatsApp Business Account, as Meta says it."""

    id: str = Field(examples=["100200300400"])
    name: str | None = Field(default=None, examples=["Яблоневый сад"])
    timezone_id: str | None = Field(default=None, examples=["1"])
    message_template_namespace: str | None = Field(default=None, examples=["ba30dd89_2ebd_41e4_b805_f2c05ae04cc9"])
    status: str | None = Field(default=None, examples=["ACTIVE"])
    account_review_status: str | None = Field(default=None, examples=["APPROVED"])
    business_verification_status: str | None = Field(default=None, examples=["verified"])
    country: str | None = Field(default=None, examples=["RU"])
    currency: str | None = Field(default=None, examples=["RUB"])
    primary_business_location: str | None = Field(default=None, examples=["RU"])
    health_status: dict[str, Any] | None = None


class MessageTemplate(BaseModel):
    """A template as Meta approved it, from our own records."""

    id: str = Field(description="Ours.", examples=[OBJECT_ID])
    name: str | None = Field(default=None, examples=["order_ready"])
    parameter_format: Literal["POSITIONAL", "NAMED"] | None = Field(default=None, examples=["POSITIONAL"])
    components: list[dict[str, Any]] | None = Field(
        default=None, examples=[[{"type": "BODY", "text": "Заказ {{1}} готов"}]]
    )
    language: str | None = Field(default=None, examples=["ru"])
    status: str | None = Field(
        default=None,
        description="APPROVED, PENDING, REJECTED, PAUSED, DISABLED, or Meta's own word for what stops it.",
        examples=["APPROVED"],
    )
    category: str | None = Field(default=None, examples=["UTILITY"])
    rejected_reason: str | None = Field(default=None, description="NONE where it is not rejected.", examples=["NONE"])
    quality_score: dict[str, Any] | None = Field(
        default=None,
        description="What Meta said last; left out while it has said nothing.",
        examples=[{"score": "GREEN", "date": 1758754645}],
    )


class File(BaseModel):
    """A stored file, yours or one that a person sent you; `url` needs the same API key."""

    messaging_product: str = Field(examples=["whatsapp"])
    url: str = Field(description="Where to download it.", examples=[f"https://api.example.org/media/{OBJECT_ID}"])
    mime_type: str = Field(examples=["image/jpeg"])
    sha256: str = Field(description="Of the file, in hexadecimal digits.", examples=["9f86d081884c7d65" * 4])
    file_size: str = Field(description="Bytes, as text.", examples=["61901"])
    id: str = Field(examples=[OBJECT_ID])


class Cursors(BaseModel):
    """Where a page begins and ends."""

    before: str = Field(description="Where this page begins.", examples=["MDE5YWIwYzQ"])
    after: str = Field(description="Where it ends: give it as `after`.", examples=["MDE5YWIwYzU"])


class GraphPaging(BaseModel):
    """Where the pages beside this one begin, in Meta's shape."""

    cursors: Cursors
    next: str | None = Field(
        default=None,
        description="The whole url of the next page, on our own address; left out on the last one.",
        examples=["https://api.example.org/v23.0/100200300400/message_templates?limit=25&after=MDE5YWIwYzU"],
    )


class PhoneNumberList(BaseModel):
    """A page of numbers."""

    data: list[PhoneNumber]
    paging: GraphPaging | None = Field(default=None, description="Left out when there is nothing.")


class TemplateSummary(BaseModel):
    """What `summary` asked for."""

    total_count: int | None = Field(default=None, description="Templates that match.", examples=[3])
    message_template_count: int | None = Field(default=None, description="Templates of the account.", examples=[12])
    message_template_limit: int | None = Field(default=None, examples=[6_000])
    are_translations_complete: bool | None = Field(default=None, examples=[True])


class TemplateList(BaseModel):
    """A page of templates."""

    data: list[MessageTemplate]
    paging: GraphPaging | None = Field(default=None, description="Left out when there is nothing.")
    summary: TemplateSummary | None = None
