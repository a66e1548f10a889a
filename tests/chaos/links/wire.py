"""When each message left for Meta: its bytes, as they came by on the link."""

import json
import re
import time
from pathlib import Path

# Our id in a request; a request is some hundred bytes and comes in one piece.
OPAQUE = re.compile(rb'"biz_opaque_callback_data":"([0-9a-f-]{36})"')


class Wire:
    """A file of evidence: JSON Lines with `at` (Unix seconds) and the message's `id`."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115  # as long as the link lives

    def note(self, data: bytes) -> None:
        """Write down what passes, if it is a message."""
        for name in OPAQUE.findall(data):
            self._file.write(json.dumps({"at": time.time(), "id": name.decode()}) + "\n")
            self._file.flush()
