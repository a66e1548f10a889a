"""Asks services whether they are ready."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

TIMEOUT_SECONDS = 3.0


def unready(ports: Mapping[str, int]) -> dict[str, str]:
    """Return the processes whose /readyz does not answer 200, with what it said instead."""
    if not ports:
        return {}
    with ThreadPoolExecutor(max_workers=len(ports)) as pool:
        answers = dict(zip(ports, pool.map(_ask, ports.values()), strict=True))
    return {name: why for name, why in answers.items() if why}


def _ask(port: int) -> str:
    """Return what is wrong, or nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=TIMEOUT_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"{error.code} {_shortened(error.read())}"
    except (OSError, ValueError) as error:
        return f"does not answer ({error})"


def _shortened(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)[:300]
    except ValueError:
        return body.decode("utf-8", "replace")[:300]
