"""Settings of the billing processes."""

from services.kernel.settings import BoxSettings, PrivateKey, ServiceSettings


class OwnBox(BoxSettings):
    """The key that opens what the gateway seals to this service."""

    private_key: PrivateKey


class Settings(ServiceSettings):
    box: OwnBox
