"""The import contracts of pyproject.toml hold, and each of them is able to refuse."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

LINT = Path(sys.executable).with_name("lint-imports")
PLANTS = {
    "services/consent/windows/service.py": (
        "import services.billing.settings\nimport aiokafka\nimport uuid_utils\n",
        {
            "Services never import each other; the kernel never imports a service",
            "Only the kernel talks to Kafka and to libsodium, and makes ids",
        },
    ),
    "services/billing/settings.py": ("import tools.vestnik\n", {"Services know nothing of the tools that run them"}),
    "services/kernel/errors.py": (
        "import services.kernel.db\n",
        {"Inside the kernel, contracts and errors are the bottom"},
    ),
    "services/kernel/contracts/charges.py": ("import sqlalchemy\n", {"Contracts are pure data"}),
    "services/billing/rating/repository.py": (
        "import services.billing.rating.service\n",
        {"A slice is layered: in, decide, store"},
    ),
    "services/sandbox/sends/repository.py": (
        "import services.sandbox.sends.service\n",
        {"A slice of the sandbox is layered; its shapes are its data"},
    ),
    "services/billing/ledger/service.py": ("import fastapi\n", {"Decisions know no HTTP server, not even indirectly"}),
    "services/webhook/signals/service.py": (
        "import httpx\nimport services.webhook.intake.service\n",
        {"No httpx anywhere: it is too slow for the hot paths", "No cycles anywhere"},
    ),
}


def test_the_import_contracts_hold() -> None:
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout[done.stdout.find("Broken contracts") :]


def test_a_planted_import_breaks_its_contract(tmp_path: Path) -> None:
    for name in ("services", "deploy", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, (imports, _) in PLANTS.items():
        path = tmp_path / name
        path.write_text(path.read_text(encoding="utf-8") + imports, encoding="utf-8")
    done = _lint(tmp_path)
    broken = {match[1].strip() for match in re.finditer(r"^(.+) BROKEN", done.stdout, re.MULTILINE)}
    assert broken == set().union(*(contracts for _, contracts in PLANTS.values())), done.stdout


def test_every_contract_has_a_planted_violation() -> None:
    names = re.findall(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    contracts = [name for name in names if name != "vestnik"]
    assert set(contracts) == set().union(*(broken for _, broken in PLANTS.values()))


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    if not LINT.exists():
        pytest.fail("import-linter is not installed: make setup")
    command = [str(LINT), "--no-cache", "--config", "pyproject.toml"]
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
