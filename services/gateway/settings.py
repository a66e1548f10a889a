"""Settings of the gateway's two processes."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from services.gateway.callbacks.service import AddressRules
from services.kernel.partitions import REPEATED_DAYS
from services.kernel.settings import BoxSettings, Part, ServiceSettings

PEPPER_BYTES = 32

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+[^\s]*$")]


def _check_pepper(secret: SecretStr) -> SecretStr:
    try:
        raw = bytes.fromhex(secret.get_secret_value())
    except ValueError:
        raise ValueError("must be hexadecimal digits") from None
    if len(raw) != PEPPER_BYTES:
        raise ValueError(f"must be {PEPPER_BYTES} bytes ({PEPPER_BYTES * 2} hexadecimal digits)")
    return secret


class KekSettings(Part):
    file: str = Field(min_length=1)  # 32 raw bytes, mode 0400


class UrlSettings(Part):
    consent: Url
    billing: Url
    graph: Url  # Meta's Graph API, or the sandbox
    sandbox: Url  # the upstream of numbers in test mode
    public: Url  # our own, as tenants reach it: media urls lead there


class MediaSettings(Part):
    directory: str = Field(min_length=1)  # sealed files, mode 0700; shared by all processes of the gateway
    inbound_days: int = Field(default=30, ge=1)  # how long we keep what people sent; Meta keeps it for 7
    tenant_bytes_max: int = Field(default=10 * 1024**3, ge=1)  # what one tenant may store, in each direction


class SandboxSettings(Part):
    control_token: SecretStr = SecretStr("")  # the sandbox's CONTROL_TOKEN: tells it of test numbers and templates


class ApiKeySettings(Part):
    """Requests a second with one key at one process: of a key without a rate of its own, and the most it may get."""

    rate_per_second: int = Field(default=2_000, ge=1)
    rate_per_second_max: int = Field(default=5_000, ge=1)


class CallbackSettings(Part):
    allow_loopback: bool = False  # local stacks only: tenants must not reach our own machines
    deny_networks: tuple[IPv4Network | IPv6Network, ...] = ()  # our own public addresses; JSON: ["198.51.100.0/24"]

    @property
    def rules(self) -> AddressRules:
        """Which addresses may be called, beside what is refused always."""
        return AddressRules(self.allow_loopback, self.deny_networks)


class Settings(ServiceSettings):
    kek: KekSettings
    api_key_pepper: Annotated[SecretStr, AfterValidator(_check_pepper)]
    box: BoxSettings  # public keys: what `tenants` seals to each service
    urls: UrlSettings
    media: MediaSettings
    callbacks: CallbackSettings = CallbackSettings()
    api_keys: ApiKeySettings = ApiKeySettings()
    sandbox: SandboxSettings = SandboxSettings()
    accept_per_second: int = Field(default=2_000, ge=1)  # sends that one tenant may post to one process
    unknown_grace_seconds: int = Field(default=900, ge=1)
    unknown_max_seconds: int = Field(default=86_400, ge=1)
    messages_days: int = Field(default=400, ge=REPEATED_DAYS)  # tenants may ask for a message, also a year's later

    @property
    def pepper(self) -> bytes:
        """The key of the keyed hash under which API keys are stored."""
        return bytes.fromhex(self.api_key_pepper.get_secret_value())
