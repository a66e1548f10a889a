"""The sandbox's settings, read once from the environment when the process starts."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.kernel.settings import Part, ProcessSettings

LOOPBACK = ("localhost", "::1")
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
    pending_max: int = Field(default=1_000_000, ge=1)  # updates in memory, some 300 bytes each; above: 130429


class DelaySettings(Part):
    """How long after the acceptance each status follows; the jitter is a share of the delay, drawn from SEED."""

    sent_ms: int = Field(default=50, ge=0)
    delivered_ms: int = Field(default=100, ge=0)
    read_ms: int = Field(default=200, ge=0)
    jitter: float = Field(default=0.2, ge=0, le=1)


class RuleSettings(Part):
    """Which of Meta's rules hold; a scenario may say otherwise for one person or for all."""

    window: bool = True  # free-form needs a message of the person within 24 h: 131047
    pairs: bool = True  # 45 messages to one person at once, then one in 6 s: 131056
    throughput: bool = True  # a number that was registered with messages_per_second: 130429
    magic: bool = True  # the magic numbers of the README
    unknown_templates: bool = True  # a template nobody told of passes as utility


class MediaSettings(Part):
    """How much the media library may hold; the oldest go first."""

    total_max_bytes: int = Field(default=1 << 30, ge=1 << 20)
    url_seconds: float = Field(default=300.0, gt=0)  # Meta's five minutes


class Settings(ProcessSettings):
    process_name: str = "sandbox-api"
    file: Path
    seed: int = 7
    latency_ms: int = Field(default=0, ge=0, le=600_000)
    webhook: WebhookSettings
    delays: DelaySettings = DelaySettings()
    app_secret: SecretStr = Field(min_length=1)
    verify_token: SecretStr = SecretStr("")
    control_token: SecretStr = SecretStr("")  # set: whoever uses /_sandbox must send it
    public_url: str = Field(default="", pattern="^(https?://.*[^/])?$")  # in the urls of media; empty: host and port
    rules: RuleSettings = RuleSettings()
    media: MediaSettings = MediaSettings()
    template_review_seconds: float = Field(default=1.0, ge=0)

    @model_validator(mode="after")
    def closes_the_controls(self) -> Self:
        """The controls can do anything: they are open on loopback only."""
        is_local = self.http.host in LOOPBACK or self.http.host.startswith("127.")
        if not is_local and not self.control_token.get_secret_value():
            raise ValueError("CONTROL_TOKEN is required when HTTP__HOST is not a loopback address")
        return self
