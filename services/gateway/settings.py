"""Settings of the gateway's two processes."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

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


class CallbackSettings(Part):
    allow_loopback: bool = False  # local stacks only: tenants must not reach our own machines


class Settings(ServiceSettings):
    kek: KekSettings
    api_key_pepper: Annotated[SecretStr, AfterValidator(_check_pepper)]
    box: BoxSettings  # public keys: what `tenants` seals to each service
    urls: UrlSettings
    callbacks: CallbackSettings = CallbackSettings()
    accept_per_second: int = Field(default=2_000, ge=1)  # sends that one tenant may post to one process
    unknown_grace_seconds: int = Field(default=900, ge=1)
    unknown_max_seconds: int = Field(default=86_400, ge=1)

    @property
    def pepper(self) -> bytes:
        """The key of the keyed hash under which API keys are stored."""
        return bytes.fromhex(self.api_key_pepper.get_secret_value())
