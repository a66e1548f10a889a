"""What is missing on a machine is said in one message that tells what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.kafka import broker
from deploy.local.paths import REPOSITORY


def _bootstrap(step: str, path: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "deploy.local.bootstrap", step]
    environment = {"PATH": str(path)}
    return subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def _tool(path: Path, name: str, script: str) -> None:
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(0o755)


def test_missing_java_and_maven_are_both_named_at_once(tmp_path: Path) -> None:
    done = _bootstrap("kafka", tmp_path)
    assert done.returncode == 1
    assert "apt-get install default-jre-headless" in done.stderr
    assert "apt-get install maven" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_maven_central_is_a_clear_message(tmp_path: Path) -> None:
    _tool(tmp_path, "java", "exit 0")
    _tool(tmp_path, "mvn", "echo '[ERROR] Unknown host'; exit 1")
    done = _bootstrap("kafka", tmp_path)
    assert done.returncode == 1
    assert "Unknown host" in done.stderr
    assert "cannot reach Maven Central" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_java_is_refused_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tool(tmp_path, "java", "echo 'openjdk version \"11.0.2\"' >&2")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StackError, match="needs Java 17"):
        broker.java()


def test_a_missing_java_is_a_clear_message_also_when_the_jars_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StackError, match="apt-get install default-jre-headless"):
        broker.java()


@pytest.mark.parametrize("lock", sorted(path.name for path in REPOSITORY.glob("requirements*.lock")))
def test_a_lock_file_has_hashes_and_no_addresses(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    assert "://" not in text
    requirements = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert requirements
    assert text.count("--hash=sha256:") >= len(requirements)
