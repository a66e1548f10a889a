"""Settings of the webhook process."""

from typing import Annotated

from pydantic import Field, SecretStr

from services.kernel.settings import BoxSettings, Part, PrivateKey, PublicKey, ServiceSettings

MetaSecret = Annotated[SecretStr, Field(min_length=8)]  # with an empty secret everybody could sign


class MetaSettings(Part):
    """The app's secrets (several while one is being replaced) and the word of the handshake."""

    app_secrets: tuple[MetaSecret, ...] = Field(min_length=1)
    verify_token: MetaSecret


class PlatformSettings(Part):
    """The X25519 key that the quarantine is sealed to; no service holds its private half."""

    public_key: PublicKey


class OwnBox(BoxSettings):
    """The key that opens what the gateway seals to this service."""

    private_key: PrivateKey


class Settings(ServiceSettings):
    meta: MetaSettings
    platform: PlatformSettings
    box: OwnBox
