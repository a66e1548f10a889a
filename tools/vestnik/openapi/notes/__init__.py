"""The notes of every public operation, by method and path."""

from tools.vestnik.openapi.note import Note
from tools.vestnik.openapi.notes import account, callbacks, consents, keys, keywords, media, messages, money

NOTES: dict[str, Note] = {
    **messages.NOTES,
    **media.NOTES,
    **account.NOTES,
    **callbacks.NOTES,
    **consents.NOTES,
    **keywords.NOTES,
    **money.NOTES,
    **keys.NOTES,
}
