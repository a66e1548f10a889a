"""Which environment variables each process gets: a pure function of a stack's directory, ports and secrets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import processes, secrets
from deploy.local.secrets import Secrets

# One for replies, two for the rest: each partition that a batch touches is a write to the disk of its own.
PARTITIONS = 3
# A development machine should show soon what production decides after 15 minutes and a day.
UNKNOWN_GRACE_SECONDS, UNKNOWN_MAX_SECONDS = 60, 180
WEBHOOK_PATH = "/webhook"
SANDBOX_SEED = 7


@dataclass(frozen=True)
class Facts:
    """What a stack knows about itself before anything runs."""

    directory: Path
    ports: Mapping[str, int]
    secrets: Secrets

    def url(self, service: str) -> str:
        """Return the base URL of a service's API."""
        return f"http://127.0.0.1:{self.ports[f'{service}-api']}"

    def database_url(self, role: str, database: str) -> str:
        """Return an address in SQLAlchemy's form."""
        password = self.secrets.passwords[role]
        return f"postgresql+asyncpg://{role}:{password}@127.0.0.1:{self.ports['postgres']}/{database}"


def of_process(name: str, facts: Facts) -> dict[str, str]:
    """Return the environment of one process. It inherits nothing from the shell it was started from."""
    service = processes.service(name)
    values = {**_system(), **_process(name, facts)}
    if service == "sandbox":
        return values | _sandbox(facts)
    return values | _database(service, facts) | _kafka(facts) | _internal(service, facts) | _own(service, facts)


def of_migration(service: str, facts: Facts) -> dict[str, str]:
    """Return the environment of a migration: the service's own plus the role that owns the schema."""
    owner = facts.database_url(f"{service}_owner", service)
    return of_process(f"{service}-api", facts) | {"DATABASE__OWNER_URL": owner}


def of_topics(facts: Facts) -> dict[str, str]:
    """Return the environment of the command that creates the topics."""
    return _system() | _kafka(facts)


def _system() -> dict[str, str]:
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONUNBUFFERED": "1"}


def _process(name: str, facts: Facts) -> dict[str, str]:
    return {
        "PROCESS_NAME": name,
        "HTTP__HOST": "127.0.0.1",
        "HTTP__PORT": str(facts.ports[name]),
        "HTTP__TRUSTED_PROXIES": "[]",
        "LOG__LEVEL": "INFO",
    }


def _database(service: str, facts: Facts) -> dict[str, str]:
    return {"DATABASE__URL": facts.database_url(service, service)}


def _kafka(facts: Facts) -> dict[str, str]:
    bootstrap = f"127.0.0.1:{facts.ports['kafka']}"
    return {"KAFKA__BOOTSTRAP_SERVERS": bootstrap, "KAFKA__PARTITIONS": str(PARTITIONS)}


def _internal(service: str, facts: Facts) -> dict[str, str]:
    return {
        "INTERNAL__PRIVATE_KEY": facts.secrets.issuers[service],
        "INTERNAL__PUBLIC_KEYS": json.dumps(secrets.public_keys(facts.secrets.issuers)),
    }


def _own(service: str, facts: Facts) -> dict[str, str]:
    makers = {"gateway": _gateway, "webhook": _webhook}
    box = {} if service == "gateway" else {"BOX__PRIVATE_KEY": facts.secrets.boxes[service]}
    return box | (makers[service](facts) if service in makers else {})


def _gateway(facts: Facts) -> dict[str, str]:
    boxes = {name: key for name, key in facts.secrets.boxes.items() if name != "platform"}
    return {
        "KEK__FILE": str(secrets.kek_file(facts.directory)),
        "API_KEY_PEPPER": facts.secrets.api_key_pepper,
        "BOX__PUBLIC_KEYS": json.dumps(secrets.box_public_keys(boxes)),
        "URLS__CONSENT": facts.url("consent"),
        "URLS__BILLING": facts.url("billing"),
        "URLS__GRAPH": facts.url("sandbox"),
        "URLS__SANDBOX": facts.url("sandbox"),
        "URLS__PUBLIC": facts.url("gateway"),
        "MEDIA__DIRECTORY": str(facts.directory / "media"),
        "CALLBACKS__ALLOW_LOOPBACK": "true",
        "UNKNOWN_GRACE_SECONDS": str(UNKNOWN_GRACE_SECONDS),
        "UNKNOWN_MAX_SECONDS": str(UNKNOWN_MAX_SECONDS),
    }


def _webhook(facts: Facts) -> dict[str, str]:
    return {
        "META__APP_SECRETS": json.dumps([facts.secrets.app_secret]),
        "META__TEST_APP_SECRETS": json.dumps([facts.secrets.app_secret]),  # one sandbox plays both
        "META__VERIFY_TOKEN": facts.secrets.verify_token,
        "PLATFORM__PUBLIC_KEY": secrets.box_public_keys(facts.secrets.boxes)["platform"],
        "PLATFORM__PRIVATE_KEY": facts.secrets.boxes["platform"],
    }


def _sandbox(facts: Facts) -> dict[str, str]:
    return {
        "WEBHOOK__URL": facts.url("webhook") + WEBHOOK_PATH,
        "APP_SECRET": facts.secrets.app_secret,
        "VERIFY_TOKEN": facts.secrets.verify_token,
        "FILE": str(facts.directory / "sandbox" / "sends.jsonl"),
        "SEED": str(SANDBOX_SEED),
    }
