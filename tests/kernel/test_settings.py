"""A process starts with complete settings or says what is wrong without repeating a value."""

import json

import pytest
from pydantic import ValidationError

from services.kernel import crypto
from services.kernel.settings import ProcessSettings, ServiceSettings, load

PASSWORD = "hunter2-hunter2"
SEED, PUBLIC = (crypto.b64url(raw) for raw in crypto.new_signing_keys())
GOOD = {
    "PROCESS_NAME": "consent-api",
    "HTTP__PORT": "0",
    "DATABASE__URL": f"postgresql+asyncpg://consent:{PASSWORD}@127.0.0.1:5432/consent",
    "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "INTERNAL__PRIVATE_KEY": SEED,
    "INTERNAL__PUBLIC_KEYS": json.dumps({"gateway": PUBLIC}),
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("LOG__LEVEL", "LOG__STRICT", *GOOD):
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        load(ServiceSettings)
    assert end.value.code == 2
    text = capsys.readouterr().err
    assert PASSWORD not in text
    assert SEED not in text
    return text


def test_complete_settings_are_read_and_hide_their_secrets(environment: pytest.MonkeyPatch) -> None:
    settings = load(ServiceSettings)
    assert settings.http.port == 0
    assert settings.kafka.partitions == 6
    assert settings.internal.public_keys == {"gateway": PUBLIC}
    assert PASSWORD in settings.database.url.get_secret_value()
    assert PASSWORD not in repr(settings)
    assert SEED not in repr(settings)


def test_settings_do_not_change(environment: pytest.MonkeyPatch) -> None:
    settings = load(ServiceSettings)
    with pytest.raises(ValidationError):
        settings.process_name = "other"  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValidationError):
        settings.http.port = 1  # type: ignore[misc]  # the point of the test


def test_every_missing_variable_is_named_at_once(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("PROCESS_NAME", "DATABASE__URL", "INTERNAL__PRIVATE_KEY"):
        environment.delenv(name)
    text = complaint(capsys)
    assert "PROCESS_NAME: " in text
    assert "DATABASE: " in text
    assert "INTERNAL__PRIVATE_KEY: " in text


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HTTP__PORT", "eighty", "HTTP__PORT: "),
        ("HTTP__PORT", "70000", "HTTP__PORT: "),
        ("DATABASE__URL", f"postgres://a:{PASSWORD}@b/c", "DATABASE__URL: "),
        ("INTERNAL__PRIVATE_KEY", SEED[:-3], "INTERNAL__PRIVATE_KEY: "),
        ("INTERNAL__PUBLIC_KEYS", '{"gateway": "abc"}', "INTERNAL__PUBLIC_KEYS__GATEWAY: "),
        ("INTERNAL__PUBLIC_KEYS", f'{{"gateway": "{PASSWORD}', "INTERNAL__*: must be JSON"),
        ("LOG__LEVEL", PASSWORD, "LOG__LEVEL: "),
        ("KAFKA__PARTITION", "6", "KAFKA__PARTITION: "),
    ],
)
def test_a_wrong_value_is_named_by_its_variable_and_never_shown(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, said: str
) -> None:
    environment.setenv(name, value)
    assert said in complaint(capsys)


def test_a_process_without_database_needs_none(environment: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE__URL", "KAFKA__BOOTSTRAP_SERVERS", "INTERNAL__PRIVATE_KEY", "INTERNAL__PUBLIC_KEYS"):
        environment.delenv(name)
    assert load(ProcessSettings).process_name == "consent-api"


def test_trusted_proxies_are_networks_or_a_complaint(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("HTTP__TRUSTED_PROXIES", '["10.0.0.0/8", "2001:db8::1"]')
    assert [str(network) for network in load(ServiceSettings).http.trusted_proxies] == ["10.0.0.0/8", "2001:db8::1/128"]
    environment.setenv("HTTP__TRUSTED_PROXIES", '["10.0.0.1/8"]')
    assert "HTTP__TRUSTED_PROXIES__0" in complaint(capsys)
