"""Decisions about a tenant's words: each must be recognisable, and none may mean both."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.keys.service import Keyring
from services.gateway.keywords import repository
from services.gateway.keywords.errors import BadWord
from services.gateway.tenants import service as tenants

_WORD = re.compile(r"\w+")


class Words(NamedTuple):
    """A tenant's own words; a confirmation of None is the shipped one."""

    stop: Sequence[str]
    start: Sequence[str]
    stop_confirmation: str | None
    start_confirmation: str | None


async def read(connection: AsyncConnection, tenant_id: UUID) -> Words:
    return Words(*(await repository.find(connection, tenant_id)))


async def replace(
    connection: AsyncConnection,
    keyring: Keyring,
    tenant_id: UUID,
    words: Words,
    *,
    box_public_keys: Mapping[str, bytes],
) -> Words:
    """Set all of them and tell every service; raises BadWord, and then nothing is changed."""
    _check(words)
    values = {
        "stop_words": list(words.stop),
        "start_words": list(words.start),
        "stop_confirmation": words.stop_confirmation,
        "start_confirmation": words.start_confirmation,
    }
    await repository.set_all(connection, tenant_id, values)
    await tenants.tell_changed(connection, keyring, tenant_id, box_public_keys=box_public_keys)
    return words


def _check(words: Words) -> None:
    for name in ("stop", "start"):
        for number, word in enumerate(getattr(words, name)):
            if not any(character.isalnum() for character in word):
                raise BadWord(f"{name}[{number}]: a word needs a letter or a digit, or it could never be recognised")
    both = {_folded(word) for word in words.stop} & {_folded(word) for word in words.start}
    if both:
        raise BadWord(f"start: {min(both)!r} stands under stop as well: a word can mean only one of them")


def _folded(word: str) -> str:
    """The word without what makes no difference when a person writes it."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", word).casefold().replace("ё", "е")))
