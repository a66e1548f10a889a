"""Settings of the consent processes."""

from pydantic import Field

from services.kernel.partitions import REPEATED_DAYS
from services.kernel.settings import BoxSettings, PrivateKey, ServiceSettings


class OwnBox(BoxSettings):
    """Consent opens what the gateway seals to it, so the private key is not optional here."""

    private_key: PrivateKey


class Settings(ServiceSettings):
    box: OwnBox
    decisions_days: int = Field(default=400, ge=REPEATED_DAYS)  # as long as the gateway keeps their messages
