"""The notes of every public operation, by method and path."""

from tools.vestnik.openapi.note import Note
from tools.vestnik.openapi.notes import account, callbacks, consents, keys, media, messages

NOTES: dict[str, Note] = {
    **messages.NOTES,
    **media.NOTES,
    **account.NOTES,
    **callbacks.NOTES,
    **consents.NOTES,
    **keys.NOTES,
}
