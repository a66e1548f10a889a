"""Settings of the webhook process."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from services.kernel import crypto
from services.kernel.settings import BoxSettings, Part, PrivateKey, PublicKey, ServiceSettings

MetaSecret = Annotated[SecretStr, Field(min_length=8)]  # with an empty secret everybody could sign


class MetaSettings(Part):
    """The app's secrets (several while one is being replaced) and the word of the handshake.

    What `app_secrets` sign may speak of live numbers, what `test_app_secrets` (the sandbox's) sign of test numbers.
    """

    app_secrets: tuple[MetaSecret, ...] = Field(min_length=1)
    test_app_secrets: tuple[MetaSecret, ...] = ()
    verify_token: MetaSecret


class PlatformSettings(Part):
    """The X25519 pair of the quarantine: everything is sealed to the public half.

    With the private half this process replays what it kept; without it that waits for a process that has it.
    """

    public_key: PublicKey
    private_key: PrivateKey | None = None

    @model_validator(mode="after")
    def _is_a_pair(self) -> Self:
        if self.private_key is not None:
            private_key = crypto.unb64url(self.private_key.get_secret_value())
            if crypto.public_box_key(private_key) != crypto.unb64url(self.public_key):
                raise ValueError("private_key is not the private half of public_key")
        return self


class OwnBox(BoxSettings):
    """The key that opens what the gateway seals to this service."""

    private_key: PrivateKey


class Settings(ServiceSettings):
    meta: MetaSettings
    platform: PlatformSettings
    box: OwnBox
    quarantine_days: int = Field(default=90, ge=1)  # how long what no tenant could be given waits for one
