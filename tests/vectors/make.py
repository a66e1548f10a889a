"""Re-encode public known answers into this folder: `python tests/vectors/make.py FOLDER`.

FOLDER holds `wycheproof/*_test.json` (C2SP/wycheproof, testvectors_v1, Apache-2.0). Only the facts are kept (inputs,
outputs, verdict); one test is one row, so that a difference between two versions can be read.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCE = "C2SP/wycheproof testvectors_v1, Apache-2.0"
X25519_EVERY = 5  # of 518: a subset keeps the file small; every all-zero shared secret is kept


def tests_of(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    for group in json.loads((folder / "wycheproof" / name).read_text())["testGroups"]:
        for test in group["tests"]:
            yield {**test, "curve": group.get("curve", "")}


def xchacha(folder: Path) -> list[list[Any]]:
    fields = ("tcId", "key", "iv", "aad", "msg", "ct", "tag", "result")
    return [[test[field] for field in fields] for test in tests_of(folder, "xchacha20_poly1305_test.json")]


def hkdf(folder: Path) -> list[list[Any]]:
    fields = ("tcId", "ikm", "salt", "info", "size", "okm", "result")
    rows = [[test[field] for field in fields] for test in tests_of(folder, "hkdf_sha256_test.json")]
    return [row for row in rows if len(row[5]) <= 400]  # the longest outputs say nothing more


def x25519(folder: Path) -> list[list[Any]]:
    rows = []
    for number, test in enumerate(tests_of(folder, "x25519_test.json")):
        zero = "ZeroSharedSecret" in test["flags"]
        if zero or number % X25519_EVERY == 0:
            rows.append([test["tcId"], test["private"], test["public"], test["shared"], "zero" if zero else "equal"])
    return rows


def write(name: str, fields: str, rows: list[list[Any]]) -> None:
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    head = f'"source": {json.dumps(SOURCE)}, "fields": {json.dumps(fields.split())}'
    (HERE / f"{name}.json").write_text(f'{{{head}, "rows": [\n{lines}\n]}}\n')


def main() -> None:
    folder = Path(sys.argv[1])
    write("xchacha20_poly1305", "id key nonce aad message ciphertext tag result", xchacha(folder))
    write("hkdf_sha256", "id secret salt info length output result", hkdf(folder))
    write("x25519", "id private public shared result", x25519(folder))


if __name__ == "__main__":
    main()
