"""Settings of a process: read once from the environment, validated at start, frozen afterwards."""

import re
import sys
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from services.kernel.crypto import unb64url

EXIT_BAD_SETTINGS = 2
KEY_BYTES = 32

SettingsType = TypeVar("SettingsType", bound=BaseSettings)


def _check_key(text: str) -> str:
    if len(unb64url(text)) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64url (43 characters)")
    return text


def _check_secret_key(secret: SecretStr) -> SecretStr:
    _check_key(secret.get_secret_value())
    return secret


def _check_database_url(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().startswith("postgresql+asyncpg://"):
        raise ValueError("must start with postgresql+asyncpg://")
    return secret


PublicKey = Annotated[str, AfterValidator(_check_key)]
PrivateKey = Annotated[SecretStr, AfterValidator(_check_secret_key)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_database_url)]


class Part(BaseModel):
    """A named group of settings (`PART__NAME` in the environment); an unknown name in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpSettings(Part):
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65_535)
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()  # whose X-Forwarded-For is believed (JSON list of CIDR)


class DatabaseSettings(Part):
    url: DatabaseUrl
    owner_url: DatabaseUrl | None = None  # migrations only
    pool_size: int = Field(default=10, ge=1, le=100)


class KafkaSettings(Part):
    bootstrap_servers: str = Field(min_length=1)
    partitions: int = Field(default=6, ge=1)  # of a topic, when it is created; see lanes.partition_count
    replicas: int = Field(default=1, ge=1)  # of a topic, when it is created: each on a broker of its own


class InternalSettings(Part):
    """Ed25519 keys of the internal tokens: our seed, and the public key of every issuer."""

    private_key: PrivateKey
    public_keys: dict[str, PublicKey]


class BoxSettings(Part):
    """X25519 keys of sealed boxes: ours to open, the other services' to seal to."""

    private_key: PrivateKey | None = None
    public_keys: dict[str, PublicKey] = {}


class LogSettings(Part):
    level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    strict: bool = False  # tests: an unknown key in a log line is an error


class ProcessSettings(BaseSettings):
    """What every process has, also one without database and broker (the sandbox)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_nested_delimiter="__", hide_input_in_errors=True)

    process_name: str = Field(min_length=1)
    http: HttpSettings
    log: LogSettings = LogSettings()


class ServiceSettings(ProcessSettings):
    """What every service process has; a service subclasses it and adds its own."""

    database: DatabaseSettings
    kafka: KafkaSettings
    internal: InternalSettings


def load(settings_class: type[SettingsType]) -> SettingsType:
    """Build the settings, or name the missing and wrong variables on stderr (never their values) and exit with 2."""
    try:
        return settings_class()
    except ValidationError as error:
        problems = [f"{_variable(problem['loc'])}: {problem['msg']}" for problem in error.errors(include_input=False)]
    except SettingsError as error:
        problems = [_unparsed(error)]
    lines = "".join(f"  {problem}\n" for problem in problems)
    sys.stderr.write(f"The settings are not usable. Set these environment variables:\n{lines}")
    raise SystemExit(EXIT_BAD_SETTINGS)


def _unparsed(error: SettingsError) -> str:
    field = re.search('"([a-z_]+)"', str(error))  # pydantic-settings names the outermost field only
    name = field[1].upper() if field else "a structured variable"
    return f"{name} or {name}__*: must be JSON"


def _variable(location: tuple[int | str, ...]) -> str:
    return "__".join(str(part) for part in location).upper()
