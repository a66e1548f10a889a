"""No committed file holds what belongs to one machine, to one network, or to later."""

import re
from pathlib import Path

import pytest

from tests.architecture import sources

PAGES = [path for path in sources.tracked() if path.suffix == ".md"]
LOCKS = [path for path in sources.tracked() if path.suffix == ".lock"]
# Composed, so that this file does not hold what it looks for.
LATER = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:")) + r")\b")
REGISTRIES = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "maven" + ".org",
    "maven.apache" + ".org/maven2",
    "npmjs" + ".org",
)
HOMES = re.compile(
    r"(?<![\w.])/(?:" + "|".join(("ho" + "me/\\w", "Us" + "ers/\\w", "ro" + "ot/", "wo" + "rk/\\w")) + ")"
)
CREDENTIALS = re.compile(
    "://[^/\\s\"'{}<>]+:[^/\\s\"'{}<>]+@" + "(?!127\\.|localhost|[\\w.-]*example\\.)[\\w.-]+\\.\\w"
)


def problems_of(text: str) -> list[str]:
    """Return what must not be committed."""
    found = [f"{match[0]}: do it or record it as an issue" for match in LATER.finditer(text)]
    found += [f"{host}: a registry is the machine's choice" for host in REGISTRIES if host in text]
    found += [f"{match[0]}: a path of one machine" for match in HOMES.finditer(text)]
    found += [f"{sources.ROOT}: this machine's path"] if str(sources.ROOT) in text else []
    return found + [f"{match[0]}: an address with a password" for match in CREDENTIALS.finditer(text)]


@pytest.mark.parametrize("path", sources.tracked(), ids=str)
def test_a_committed_file_belongs_to_every_machine(path: Path) -> None:
    text = sources.text(path)
    assert text is None or not problems_of(text), f"{path}: {problems_of(text)}"


@pytest.mark.parametrize(
    "planted",
    [
        "# TO" + "DO: later",
        "FIX" + "ME",
        "--index-url https://pypi" + ".org/simple",
        "cd /ho" + "me/ann/vestnik",
        "kept in /ro" + "ot/.ssh",
        f"cd {sources.ROOT}/var",
        "https://ann:secret" + "@mirror.acme.dev/simple",
    ],
)
def test_a_planted_trace_of_a_machine_is_refused(planted: str) -> None:
    assert problems_of(planted)


def test_the_locks_name_no_address_and_hash_every_package() -> None:
    assert LOCKS
    for path in LOCKS:
        text = sources.text(path)
        assert text is not None
        assert "://" not in text, path
        requirements = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
        assert requirements, path
        assert text.count("--hash=sha256:") >= len(requirements), path


def test_what_the_machine_makes_is_not_committed() -> None:
    tops = {path.parts[0] for path in sources.tracked()}
    assert not tops & {"var", ".venv", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", sources.text(page) or "")
    missing = [link for link in links if not (sources.ROOT / page.parent / link).exists()]
    assert not missing


def test_every_decision_is_listed_and_has_its_three_parts() -> None:
    folder = sources.ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    decisions = sorted(folder.glob("[0-9]*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert f"({path.name})" in index, path.name
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), path.name
