"""Makes every secret of a stack once and keeps them in its directory."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from deploy.local import documents

DATABASES = ("gateway", "webhook", "consent", "billing")
ISSUERS = ("gateway", "webhook", "consent", "billing", "staff")
BOXES = ("webhook", "consent", "billing", "platform")
KEK_BYTES = 32


@dataclass(frozen=True)
class Secrets:
    """Private keys are raw 32 bytes in base64url without padding; passwords are letters, digits, '-' and '_'."""

    passwords: Mapping[str, str]  # database role -> password
    issuers: Mapping[str, str]  # issuer -> Ed25519 seed
    boxes: Mapping[str, str]  # service or "platform" -> X25519 private key
    api_key_pepper: str  # hex
    app_secret: str
    verify_token: str


def b64url(raw: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """Decode base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def load(directory: Path) -> Secrets:
    """Return the stack's secrets; the first call makes them (and the key-encryption key beside them)."""
    path = directory / "secrets.json"
    if not path.exists():
        documents.write(path, asdict(_make()), mode=0o600)
    _make_kek(kek_file(directory))
    return Secrets(**documents.read(path))


def kek_file(directory: Path) -> Path:
    """Return where the key-encryption key lies: 32 raw bytes that only the owner may read."""
    return directory / "kek"


def public_keys(issuers: Mapping[str, str]) -> dict[str, str]:
    """Return the Ed25519 public key of every issuer."""
    return {name: b64url(bytes(SigningKey(unb64url(seed)).verify_key)) for name, seed in issuers.items()}


def box_public_keys(boxes: Mapping[str, str]) -> dict[str, str]:
    """Return the X25519 public key of every box."""
    return {name: b64url(bytes(PrivateKey(unb64url(key)).public_key)) for name, key in boxes.items()}


def _make() -> Secrets:
    roles = ["postgres", *DATABASES, *(f"{name}_owner" for name in DATABASES)]
    return Secrets(
        passwords={role: secrets.token_urlsafe(24) for role in roles},
        issuers={name: b64url(bytes(SigningKey.generate())) for name in ISSUERS},
        boxes={name: b64url(bytes(PrivateKey.generate())) for name in BOXES},
        api_key_pepper=secrets.token_hex(32),
        app_secret=secrets.token_hex(16),
        verify_token=secrets.token_urlsafe(24),
    )


def _make_kek(path: Path) -> None:
    if path.exists():
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as file:
        file.write(secrets.token_bytes(KEK_BYTES))
