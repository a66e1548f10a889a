"""Settings of the consent processes."""

from services.kernel.settings import BoxSettings, PrivateKey, ServiceSettings


class OwnBox(BoxSettings):
    """Consent opens what the gateway seals to it, so the private key is not optional here."""

    private_key: PrivateKey


class Settings(ServiceSettings):
    box: OwnBox
