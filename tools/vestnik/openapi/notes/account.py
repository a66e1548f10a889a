"""Notes on numbers, accounts, templates and the business profile."""

from services.gateway.graph import errors
from services.gateway.graph.refusals import RefusedByMeta
from services.gateway.media.errors import NotDownloadable
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Example, Json, Note, one

TAG = "Numbers and templates"
NUMBER: Json = {
    "id": samples.PHONE_NUMBER_ID,
    "display_phone_number": f"+{samples.DISPLAY_NUMBER}",
    "verified_name": "Пекарня на Мира",
    "quality_rating": "GREEN",
    "code_verification_status": "VERIFIED",
    "platform_type": "CLOUD_API",
    "throughput": {"level": "STANDARD"},
}
ACCOUNT: Json = {
    "id": samples.WABA_ID,
    "name": "Пекарня на Мира",
    "timezone_id": "1",
    "message_template_namespace": "ba30dd89_2ebd_41e4_b805_f2c05ae04cc9",
}
TEMPLATE: Json = {
    "name": samples.TEMPLATE,
    "parameter_format": "POSITIONAL",
    "components": [{"type": "BODY", "text": "{{1}}, ваш заказ готов."}],
    "language": samples.LANGUAGE,
    "status": "APPROVED",
    "category": "UTILITY",
    "id": samples.TEMPLATE_ID,
}
FILE: Json = {
    "messaging_product": "whatsapp",
    "url": f"https://api.example.org/media/{samples.MEDIA_ID}",
    "mime_type": "image/jpeg",
    "sha256": "0" * 64,
    "file_size": "61901",
    "id": samples.MEDIA_ID,
}
PAGING: Json = {"cursors": {"before": "MDE5YWIwYzQ", "after": "MDE5YWIwYzU"}}
PROFILE: Json = {"about": "Открыто с 9 до 21", "websites": ["https://shop.example.com"], "vertical": "RETAIL"}
META_SAYS = (errors.NoSuchObject, errors.Locked, RefusedByMeta)

NOTES = {
    "GET /{version}/{id}": Note(
        id="readObject",
        tag=TAG,
        ru="Прочитать номер, аккаунт, шаблон или файл",
        answers={
            200: {
                "number": Example(NUMBER, "a number"),
                "account": Example(ACCOUNT, "an account"),
                "template": Example(TEMPLATE, "a template"),
                "file": Example(FILE, "a file"),
            }
        },
        failures=(*META_SAYS, NotDownloadable),
        scopes=("account:read", "media"),
        parameters={"id": samples.PHONE_NUMBER_ID, "phone_number_id": samples.PHONE_NUMBER_ID, "fields": "id"},
    ),
    "GET /{version}/{waba_id}/phone_numbers": Note(
        id="listNumbers",
        tag=TAG,
        ru="Номера аккаунта",
        answers={200: one({"data": [NUMBER], "paging": PAGING})},
        failures=META_SAYS,
    ),
    "GET /{version}/{waba_id}/message_templates": Note(
        id="listTemplates",
        tag=TAG,
        ru="Шаблоны аккаунта",
        answers={200: one({"data": [TEMPLATE], "paging": PAGING})},
        failures=META_SAYS,
        parameters={"status": "APPROVED", "category": "UTILITY,MARKETING", "summary": "total_count"},
    ),
    "GET /{version}/{phone_number_id}/whatsapp_business_profile": Note(
        id="readBusinessProfile",
        tag=TAG,
        ru="Профиль компании",
        answers={200: one({"data": [{"messaging_product": "whatsapp", **PROFILE}]})},
        failures=META_SAYS,
        parameters={"fields": "about,websites"},
    ),
    "POST /{version}/{phone_number_id}/whatsapp_business_profile": Note(
        id="changeBusinessProfile",
        tag=TAG,
        ru="Изменить профиль компании",
        request=one({"messaging_product": "whatsapp", **PROFILE}),
        answers={200: one({"success": True})},
        failures=META_SAYS,
    ),
}
