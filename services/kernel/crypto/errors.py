"""What can go wrong with a key or a ciphertext; the messages hold neither."""

from services.kernel.errors import ServiceError


class CannotOpen(ServiceError):
    """A ciphertext does not open: damaged, moved to another place, or under another key."""

    code = "cannot_open"


class KekUnusable(ServiceError):
    """The key-encryption key cannot be used; the process must not start."""

    code = "kek_unusable"
