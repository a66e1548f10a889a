"""Whoever starts a stack that runs already is not told that it was started."""

import os
from pathlib import Path

from deploy.local import background, documents, identity


def test_steps_of_the_past_are_not_told_again(tmp_path: Path) -> None:
    pid, told = os.getpid(), list[str]()
    state = {"pid": pid, "known_as": identity.identity(pid), "phase": "ready", "steps": ["starting"], "error": ""}
    documents.write(tmp_path / background.STATE, state)
    background.start(tmp_path, [], told.append)
    assert told == []
