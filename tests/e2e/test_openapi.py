"""The API document tells the truth: its examples are sent, and generated requests get no answer it does not say."""

import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.gateway.openapi.endpoints import FILES
from services.gateway.openapi.service import MEDIA_TYPES
from services.kernel.http import ROUTING_CODES
from tests.e2e.conftest import World
from tests.e2e.openapi.shop import FILE, Shop, form_of, open_shop
from tests.gateway.openapi import reading
from tests.gateway.openapi.reading import Operation, operations
from tools.vestnik.openapi.document import FOLDER

EXAMPLES_EACH = 25
# Each operation has its share: the send door alone would take thousands of requests, one for each rule of each field.
GENERATED_SECONDS_EACH = 8.0
# Too late or not: it depends on how fast the message went out.
MAY_BE_TOO_LATE = {"cancelMessage"}
KEEPS_ITS_OWN = {"revokeApiKey", "rotateApiKey"}  # the generator must not take away the key that it uses
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--dump-dom",
)

generated = schemathesis.openapi.from_path(FOLDER / "document.json")


class Trial(NamedTuple):
    """One example of one operation; `body` is None where there is none."""

    operation: Operation
    name: str
    body: Any
    is_certain: bool


def trials() -> list[Trial]:
    found = []
    for operation in operations():
        content = operation.said.get("requestBody", {}).get("content", {})
        examples = content.get("application/json", {}).get("examples", {"call": {"value": None}})
        for name, example in examples.items():
            is_certain = "x-needs-another-message" not in example and operation.name not in MAY_BE_TOO_LATE
            found.append(Trial(operation, name, example["value"], is_certain))
    return found


@pytest.fixture(scope="module")
async def shop(world: World) -> AsyncIterator[Shop]:
    shop = await open_shop(world.staff, world.sandbox)
    yield shop
    await shop.tenant.callbacks.stop()


@pytest.mark.parametrize("trial", trials(), ids=lambda trial: f"{trial.operation.name}-{trial.name}")
async def test_an_example_is_answered_as_the_document_says(shop: Shop, trial: Trial) -> None:
    async with shop.fresh(trial.operation.path):
        status, kind, body = await _send(shop, trial)
    assert not trial.is_certain or status < 300, f"{status}: {body}"
    documented = trial.operation.said["responses"]
    assert str(status) in documented, f"{status}: {body}"
    content = reading.resolved(documented[str(status)]).get("content", {})
    if content and "*/*" not in content:
        assert kind in content
        assert reading.errors_of(content[kind]["schema"], body) == []


async def _send(shop: Shop, trial: Trial) -> tuple[int, str, Any]:
    path, query = _address(shop, trial.operation)
    sent: dict[str, Any] = {} if trial.body is None else {"json": shop.real(trial.body)}
    if "multipart/form-data" in trial.operation.said.get("requestBody", {}).get("content", {}):
        sent = {"data": form_of(FILE)}
    headers = {"Authorization": f"Bearer {shop.tenant.api_key}"}
    url = shop.tenant.gateway + path
    async with shop.tenant.http.request(trial.operation.method, url, params=query, headers=headers, **sent) as answer:
        kind = answer.content_type
        return answer.status, kind, await (answer.json() if "json" in kind else answer.read())


#: Of these exactly one must be given, so that none is required.
ONE_OF_THEM = frozenset({"phone"})


def _address(shop: Shop, operation: Operation) -> tuple[str, dict[str, str]]:
    path, query = operation.path, {}
    for parameter in map(reading.resolved, operation.said["parameters"]):
        if parameter.get("required") or parameter["name"] in ONE_OF_THEM:
            value = str(shop.real(parameter["example"]))
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", value)
            else:
                query[parameter["name"]] = value
    return path, query


@pytest.fixture(scope="module")
def until() -> defaultdict[str, float]:
    """When the generator of requests has to stop, by operation."""
    return defaultdict(lambda: time.monotonic() + GENERATED_SECONDS_EACH)


@generated.parametrize()
@settings(
    max_examples=EXAMPLES_EACH,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_what_a_generator_sends_is_answered_as_the_document_says(
    case: schemathesis.Case[Any], shop: Shop, until: defaultdict[str, float]
) -> None:
    if time.monotonic() > until[case.operation.label]:
        return
    _aim(case, shop)
    headers = {"Authorization": f"Bearer {shop.tenant.api_key}"}
    response = case.call(base_url=shop.tenant.gateway, headers=headers, timeout=20)
    if not _went_elsewhere(response):
        case.validate_response(response, checks=CHECKS)


def _went_elsewhere(response: schemathesis.Response) -> bool:
    """Whether an odd path parameter made another path of it: no operation of the document was asked."""
    return response.status_code in ROUTING_CODES and ROUTING_CODES[response.status_code] in response.text


def _aim(case: schemathesis.Case[Any], shop: Shop) -> None:
    """Half of the requests go to things that exist."""
    if case.operation.definition.raw["operationId"] in KEEPS_ITS_OWN:
        return
    for parameter in case.operation.definition.raw["parameters"]:
        name = reading.resolved(parameter)["name"]
        given = (case.path_parameters or {}).get(name)
        if given is not None and name != "version" and crc32(str(given).encode()) % 2:
            case.path_parameters[name] = shop.real(reading.resolved(parameter)["example"])


@pytest.mark.skipif(not CHROMIUM, reason="needs chromium: apt-get install chromium")
def test_a_browser_shows_the_page_without_an_error(world: World, tmp_path: Path) -> None:
    url = f"{world.stack.url('gateway')}/docs"
    done = subprocess.run(
        [CHROMIUM, *CHROMIUM_FLAGS, f"--user-data-dir={tmp_path}", url],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    assert 'aria-pressed="true"' in done.stdout, "its script has run"
    assert done.stdout.count('class="operation"') == len([*operations(), *reading.webhooks()])


@pytest.mark.parametrize("path", FILES)
async def test_nobody_needs_a_key_for_the_document(world: World, path: str) -> None:
    async with world.http.get(world.stack.url("gateway") + path) as answer:
        assert answer.status == 200
        assert answer.content_type == MEDIA_TYPES[FILES[path]].split(";")[0]
