"""Every process gets exactly the environment its settings ask for."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from deploy.local import environment, ports, processes, secrets
from deploy.local.environment import Facts
from deploy.local.paths import REPOSITORY
from deploy.local.stack import Stack


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    """A stack that does not run."""
    return Facts(directory=tmp_path, ports=ports.MAIN, secrets=secrets.load(tmp_path))


@pytest.mark.parametrize("name", processes.SERVICES)
def test_every_process_knows_its_name_and_its_port(facts: Facts, name: str) -> None:
    values = environment.of_process(name, facts)
    assert values["PROCESS_NAME"] == name
    assert values["HTTP__PORT"] == str(facts.ports[name])
    assert values["TZ"] == "UTC"


@pytest.mark.parametrize("name", [name for name in processes.SERVICES if name != "sandbox-api"])
def test_a_service_has_only_its_own_database_and_private_keys(facts: Facts, name: str) -> None:
    values, service = environment.of_process(name, facts), processes.service(name)
    assert values["DATABASE__URL"].startswith(f"postgresql+asyncpg://{service}:")
    assert "DATABASE__OWNER_URL" not in values
    assert values["INTERNAL__PRIVATE_KEY"] == facts.secrets.issuers[service]
    others = {key for issuer, key in facts.secrets.issuers.items() if issuer != service}
    held = {service, "platform"} if service == "webhook" else {service}  # the webhook replays its quarantine
    others |= {key for box, key in facts.secrets.boxes.items() if box not in held}
    assert not others & set(values.values())


@pytest.mark.parametrize("name", processes.SERVICES)
def test_the_settings_of_every_process_accept_its_environment(facts: Facts, name: str) -> None:
    service = processes.service(name)
    check = (
        f"from services.kernel.settings import load; from services.{service}.settings import Settings; load(Settings)"
    )
    argv, values = [sys.executable, "-c", check], environment.of_process(name, facts)
    done = subprocess.run(argv, env=values, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_migration_also_gets_the_owner_of_the_schema(facts: Facts) -> None:
    values = environment.of_migration("billing", facts)
    assert values["DATABASE__OWNER_URL"].startswith("postgresql+asyncpg://billing_owner:")
    assert values["DATABASE__OWNER_URL"].endswith(f":{facts.ports['postgres']}/billing")


def test_only_the_gateway_holds_the_key_encryption_key(facts: Facts) -> None:
    holders = {name for name in processes.SERVICES if "KEK__FILE" in environment.of_process(name, facts)}
    assert holders == {"gateway-api", "gateway-worker"}


def test_the_sandbox_and_the_webhook_share_metas_secret(facts: Facts) -> None:
    sandbox, webhook = environment.of_process("sandbox-api", facts), environment.of_process("webhook-api", facts)
    assert json.loads(webhook["META__APP_SECRETS"]) == [sandbox["APP_SECRET"]]
    assert webhook["META__VERIFY_TOKEN"] == sandbox["VERIFY_TOKEN"]
    assert sandbox["WEBHOOK__URL"] == f"http://127.0.0.1:{facts.ports['webhook-api']}/webhook"


def test_public_keys_belong_to_the_private_ones(facts: Facts) -> None:
    public = json.loads(environment.of_process("consent-api", facts)["INTERNAL__PUBLIC_KEYS"])
    assert set(public) == set(secrets.ISSUERS)
    seed = secrets.unb64url(facts.secrets.issuers["staff"])
    assert secrets.unb64url(public["staff"]) == bytes(SigningKey(seed).verify_key)
    boxes = json.loads(environment.of_process("gateway-api", facts)["BOX__PUBLIC_KEYS"])
    assert set(boxes) == {"webhook", "consent", "billing"}
    private = secrets.unb64url(facts.secrets.boxes["webhook"])
    assert secrets.unb64url(boxes["webhook"]) == bytes(PrivateKey(private).public_key)


def test_nothing_is_inherited_from_the_shell(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert "HTTP_PROXY" not in environment.of_process("gateway-api", facts)


def test_secrets_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    assert secrets.load(tmp_path) == secrets.load(tmp_path)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    kek = secrets.kek_file(tmp_path)
    assert stat.S_IMODE(kek.stat().st_mode) == 0o400
    assert len(kek.read_bytes()) == secrets.KEK_BYTES
    assert os.access(kek, os.R_OK)


def test_copies_have_names_ports_and_overrides_of_their_own(tmp_path: Path) -> None:
    overrides = {"*": {"A": "all"}, "gateway-worker": {"B": "base"}, "gateway-worker-2": {"B": "copy"}}
    stack = Stack(tmp_path, copies={"gateway-worker": 2}, overrides=overrides)
    assert "gateway-worker-2" in stack.names
    first, second = stack.environment("gateway-worker"), stack.environment("gateway-worker-2")
    assert first["HTTP__PORT"] != second["HTTP__PORT"]
    assert (first["A"], first["B"], second["B"]) == ("all", "base", "copy")
    assert second["PROCESS_NAME"] == "gateway-worker-2"
