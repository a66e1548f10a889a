"""The key-encryption key: the provider that wraps tenant keys and never lets its own key out."""

import os
import stat
from pathlib import Path
from typing import Protocol
from uuid import UUID

from services.kernel.crypto import aead
from services.kernel.crypto.encoding import pack
from services.kernel.crypto.errors import CannotOpen, KekUnusable
from services.kernel.crypto.keys import KEY_BYTES, key_check_value

_MAGIC = b"vk\x01"


class Kek(Protocol):
    """What a provider (file, KMS, Vault) must do; `id` names the key, so that a rotation finds what the old wraps."""

    @property
    def id(self) -> str: ...

    def wrap(self, key: bytes, aad: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes: ...


class FileKek:
    """A KEK in a file of exactly 32 raw bytes that nobody but its owner may read (mode 0400)."""

    def __init__(self, path: Path | str) -> None:
        self._secret = _read_private_file(Path(path))
        self.id = f"file-{key_check_value(self._secret)}"

    def __repr__(self) -> str:
        return f"FileKek({self.id})"

    def wrap(self, key: bytes, aad: bytes) -> bytes:
        return _MAGIC + aead.lock(self._secret, self._associated(aad), key)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """The key; CannotOpen when it was wrapped by another KEK or for another tenant or version."""
        if wrapped[: len(_MAGIC)] != _MAGIC:
            raise CannotOpen("this is not a key wrapped by a file KEK")
        return aead.unlock(self._secret, self._associated(aad), bytes(wrapped[len(_MAGIC) :]))

    def _associated(self, aad: bytes) -> bytes:
        return _MAGIC + pack(self.id.encode(), aad)


def wrap_context(tenant_id: UUID, version: int, purpose: str = "tenant key") -> bytes:
    """The `aad` of a wrapped key: it opens for its own tenant, version and purpose only."""
    return pack(tenant_id.bytes, version.to_bytes(8, "big"), purpose.encode())


def _read_private_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise KekUnusable(f"the key file cannot be read ({error.strerror}); set KEK__FILE to it") from None
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise KekUnusable("the key file must be a regular file that only its owner can read: chmod 0400")
    if len(raw) != KEY_BYTES:
        raise KekUnusable(f"the key file must hold exactly {KEY_BYTES} raw bytes")
    return raw
