"""Notes on API keys."""

from services.gateway.api_keys import errors
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Example, Json, Note, one

TAG = "API keys"
KEY: Json = {
    "id": samples.KEY_ID,
    "name": "Mailing service",
    "prefix": "vk_live_4fGz",
    "mode": "live",
    "state": "active",
    "scopes": ["messages:send", "messages:read"],
    "networks": ["203.0.113.0/24"],
    "valid_from": None,
    "valid_until": None,
    "rate_per_second": 50,
    "created_at": samples.AT,
    "last_used_at": samples.AT,
    "revoked_at": None,
    "replaced_by": None,
    "test_number": None,
}
NEW: Json = {
    **KEY,
    "last_used_at": None,
    "key": "vk_live_4fGzQ0mUe6y8RbT2nJcX1aLpWkDsHv5i_0Zk3Qa",
    "callback_secret": None,
}
TEST: Json = {
    **NEW,
    "mode": "test",
    "prefix": "vk_test_9aB2",
    "networks": [],
    "rate_per_second": None,
    "test_number": {"phone_number_id": "9990123456789012", "waba_id": "9991123456789012"},
    "key": "vk_test_9aB2Q0mUe6y8RbT2nJcX1aLpWkDsHv5i_1Zk3Qb",
    "callback_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
WANTED = {"name": "Mailing service", "scopes": ["messages:send", "messages:read"], "networks": ["203.0.113.0/24"]}

NOTES = {
    "GET /v1/api-keys": Note(
        id="listApiKeys",
        tag=TAG,
        ru="Все ключи",
        answers={200: one({"data": [KEY]})},
    ),
    "POST /v1/api-keys": Note(
        id="createApiKey",
        tag=TAG,
        ru="Создать ключ",
        request={
            "limited": Example({**WANTED, "rate_per_second": 50}, "for one service, from one network"),
            "test": Example({"name": "Tests", "mode": "test"}, "for the simulated Meta: never costs money"),
        },
        answers={201: {"live": Example(NEW, "a live key"), "test": Example(TEST, "the first test key")}},
        failures=(
            errors.ScopesNotHeld,
            errors.NotForTestKeys,
            errors.RateTooHigh,
            errors.AlreadyOver,
            errors.TooManyKeys,
            errors.TooManyRevokedKeys,
        ),
    ),
    "GET /v1/api-keys/{key_id}": Note(
        id="getApiKey",
        tag=TAG,
        ru="Один ключ",
        description="One key, never the key itself.",
        answers={200: one(KEY)},
        failures=(errors.KeyNotFound,),
    ),
    "DELETE /v1/api-keys/{key_id}": Note(
        id="revokeApiKey",
        tag=TAG,
        ru="Отозвать ключ",
        failures=(errors.KeyNotFound, errors.LastManagingKey),
    ),
    "POST /v1/api-keys/{key_id}:rotate": Note(
        id="rotateApiKey",
        tag=TAG,
        ru="Заменить ключ",
        request=one({"overlap_hours": 24}, "both work for a day"),
        answers={201: one(NEW)},
        failures=(errors.KeyNotFound, errors.NotRotatable, errors.TooManyKeys, errors.TooManyRevokedKeys),
    ),
}
