"""Answers of the media routes, in Meta's shape (whatsapp-cloud-api 2.3)."""

from typing import Any

from pydantic import BaseModel, Field

from services.gateway.refusals import Refusals, refusal

MEDIA_ID = "019234ab-5d10-7c3e-9f00-2b6f1f0f9a11"


class UploadedMedia(BaseModel):
    """The id under which the file can be sent for 29 days."""

    id: str = Field(description="Ours; use it where Meta's documentation says media id.", examples=[MEDIA_ID])


class MediaDescription(BaseModel):
    """A stored file; `url` needs the same API key."""

    messaging_product: str = Field(default="whatsapp", examples=["whatsapp"])
    url: str = Field(description="Where to download it.", examples=[f"https://api.example.org/media/{MEDIA_ID}"])
    mime_type: str = Field(examples=["image/jpeg"])
    sha256: str = Field(description="Of the file, in hexadecimal digits.", examples=["9f86d081884c7d65" * 4])
    file_size: str = Field(description="Bytes, as text.", examples=["61901"])
    id: str = Field(examples=[MEDIA_ID])


class DeletedMedia(BaseModel):
    """The file is removed; nobody can open it again."""

    success: bool = Field(default=True, examples=[True])


#: `responses=` of the download, which is no route of Meta's: its refusals are problem details.
DOWNLOAD_RESPONSES: Refusals = {
    200: {
        "description": "The file, with its own Content-Type, as an attachment.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    **refusal(400, "Meta does not give out what the person sent (131052): it is too large or broken."),
    **refusal(401, "The API key is missing, wrong, expired or revoked."),
    **refusal(403, "The key lacks the scope `media`, or is used from elsewhere."),
    **refusal(404, "There is no such file of yours, or no longer."),
    **refusal(429, "Too many requests with this key, or too many open downloads: wait for Retry-After."),
    **refusal(503, "A person has just sent it and it is still being fetched from Meta: ask again after Retry-After."),
}

#: OpenAPI of the upload's body, which is read as a stream and so not declared by parameters.
UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["messaging_product", "file"],
                    "properties": {
                        "messaging_product": {
                            "type": "string",
                            "enum": ["whatsapp"],
                            "description": "Always `whatsapp`.",
                        },
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The file; its part may say its own Content-Type. Parts in any order.",
                        },
                        "type": {
                            "type": "string",
                            "description": "MIME type of the file, where its part says none.",
                            "examples": ["image/jpeg"],
                        },
                    },
                },
                "encoding": {"file": {"contentType": "image/jpeg, image/png, video/mp4, application/pdf, */*"}},
            }
        },
    }
}
