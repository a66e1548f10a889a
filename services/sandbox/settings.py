"""The sandbox's settings, read once from the environment when the process starts."""

from pathlib import Path

from pydantic import Field, SecretStr

from services.kernel.settings import Part, ProcessSettings

SEVEN_DAYS_SECONDS = 7 * 24 * 3600.0  # Meta retries a webhook for up to seven days


class WebhookSettings(Part):
    """Where updates go, how many travel in one POST, and how long a refused one is tried again."""

    url: str = Field(pattern="^https?://")
    batch_max: int = Field(default=50, ge=1, le=1000)
    lanes: int = Field(default=8, ge=1, le=64)  # POSTs at the same time
    timeout_seconds: float = Field(default=10.0, gt=0)
    retry_start_seconds: float = Field(default=0.5, gt=0)
    retry_cap_seconds: float = Field(default=30.0, gt=0)
    give_up_seconds: float = Field(default=SEVEN_DAYS_SECONDS, gt=0)
    pending_max: int = Field(
        default=1_000_000, ge=1
    )  # updates in memory (some 300 bytes each); above, sends get 130429


class DelaySettings(Part):
    """How long after the acceptance each status follows; the jitter is a share of the delay, drawn from SEED."""

    sent_ms: int = Field(default=50, ge=0)
    delivered_ms: int = Field(default=100, ge=0)
    read_ms: int = Field(default=200, ge=0)
    jitter: float = Field(default=0.2, ge=0, le=1)


class Settings(ProcessSettings):
    process_name: str = "sandbox-api"
    webhook: WebhookSettings
    delays: DelaySettings = DelaySettings()
    app_secret: SecretStr = Field(min_length=1)
    verify_token: SecretStr = SecretStr("")
    file: Path
    seed: int = 7
    latency_ms: int = Field(default=0, ge=0, le=600_000)
