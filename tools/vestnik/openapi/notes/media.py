"""Notes on files."""

from services.gateway.graph import errors
from services.gateway.media.errors import FileMissing, NoSuchMedia, NotDownloadable, StillFetching, TooManyDownloads
from services.gateway.media.limits import UploadFailed
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Note, one

TAG = "Media"

NOTES = {
    "POST /{version}/{phone_number_id}/media": Note(
        id="uploadMedia",
        tag=TAG,
        summary="Upload a file",
        ru="Загрузить файл",
        answers={200: one({"id": samples.MEDIA_ID})},
        failures=(errors.NoSuchNumber, errors.Locked, UploadFailed),
    ),
    "GET /media/{media_id}": Note(
        id="downloadMedia",
        tag=TAG,
        summary="Download a file",
        ru="Скачать файл",
        failures=(NoSuchMedia, FileMissing, NotDownloadable, StillFetching, TooManyDownloads),
    ),
    "DELETE /{version}/{id}": Note(
        id="deleteMedia",
        tag=TAG,
        summary="Delete a file",
        ru="Удалить файл",
        answers={200: one({"success": True})},
        parameters={"id": samples.MEDIA_ID},
    ),
}
