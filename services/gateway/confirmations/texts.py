"""What a person is told, in the language of its word."""

import re

from services.kernel.contracts.conversations import Confirmation

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)

_RUSSIAN: dict[Confirmation, str] = {
    "stopped": "Вы отписаны: больше сообщений не будет. Чтобы снова получать их, напишите СТАРТ.",
    "started": "Вы снова подписаны. Чтобы отписаться, напишите СТОП.",
}
_ENGLISH: dict[Confirmation, str] = {
    "stopped": "You are unsubscribed: no more messages. To get them again, write START.",
    "started": "You are subscribed again. To unsubscribe, write STOP.",
}


def shipped(what: Confirmation, said: str) -> str:
    """The text for a tenant that has none of its own; Russian to whoever wrote in Cyrillic."""
    return (_RUSSIAN if _CYRILLIC.search(said) else _ENGLISH)[what]
