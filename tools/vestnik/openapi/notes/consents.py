"""Notes on consents: routes that consent serves."""

from services.consent.consents.errors import NumberLeft, WithdrawnByPerson, WithdrawnLater
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Example, Json, Note, one

CONSENTS = "Consents"
EVIDENCE = {"source": "web_form", "text": "Согласен получать сообщения о заказах.", "given_at": samples.AT}
GIVING: Json = {"phone": samples.PERSON, "purpose": "service", "evidence": EVIDENCE}
FULL_EVIDENCE = {
    **EVIDENCE,
    "source": "own_form",
    "text_version": "2026-09",
    "language": "ru",
    "page_url": "https://shop.example/order",
    "ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
}
IMPORTED = {**EVIDENCE, "source": "import", "attested_by": "А. Петрова", "reference": "crm-2026-09.csv"}
BSUID = "RU.90210442100317"
GIVEN: Json = {
    "id": samples.CONSENT_ID,
    "phone": samples.PERSON,
    "bsuid": None,
    "purpose": "service",
    "channel": "whatsapp",
    "state": "given",
    "given_at": samples.AT,
    "recorded_at": samples.LATER,
}
STANDS: Json = {
    "purpose": "service",
    "channel": "whatsapp",
    "state": "given",
    "since": samples.AT,
    "source": "web_form",
}
TAKEN_BACK: Json = {
    "purpose": "service",
    "channel": "whatsapp",
    "state": "withdrawn",
    "since": samples.LATER,
    "source": "api",
}
ACT: Json = {
    "id": samples.CONSENT_ID,
    "act": "given",
    "source": "web_form",
    "at": samples.AT,
    "recorded_at": samples.LATER,
    "level": "recorded",
    "text_version": "2026-09",
    "language": "ru",
    "carried": False,
}

NOTES = {
    "POST /v1/consents": Note(
        id="recordConsent",
        tag=CONSENTS,
        summary="Record that a person agreed",
        ru="Записать согласие человека",
        description="With the evidence: where, to which words and when. A template of the category utility needs the "
        "purpose service, the others their own. Each purpose is agreed to apart. A consent is for the number it was "
        "given for: it ends when Meta tells us that the person has another one.",
        request={
            "example": Example(GIVING, "with the time of the agreement"),
            "now": Example(
                {**GIVING, "evidence": {"source": "checkbox", "text": "Согласен."}}, "the person agrees now"
            ),
            "full": Example({**GIVING, "evidence": FULL_EVIDENCE}, "with all that proves it"),
            "import": Example({**GIVING, "evidence": IMPORTED}, "a record from elsewhere"),
            "bsuid": Example({"bsuid": BSUID, "purpose": "service", "evidence": EVIDENCE}, "a person without a number"),
        },
        answers={201: one(GIVEN)},
        failures=(WithdrawnByPerson, WithdrawnLater, NumberLeft),
    ),
    "POST /v1/consents:withdraw": Note(
        id="withdrawConsent",
        tag=CONSENTS,
        summary="Take a consent back",
        ru="Отозвать согласие",
        description="One purpose, or everything. After the answer nothing of it is sent any more.",
        request={
            "one": Example({"phone": samples.PERSON, "purpose": "service"}, "one purpose"),
            "everything": Example({"phone": samples.PERSON}, "everything"),
        },
        answers={200: one({"phone": samples.PERSON, "bsuid": None, "consents": [TAKEN_BACK]})},
    ),
    "GET /v1/consents": Note(
        id="readConsents",
        tag=CONSENTS,
        summary="Where a person stands",
        ru="Согласия человека",
        description="Every purpose with its history, by number or by BSUID; an unknown person has an empty list.",
        answers={200: one({"consents": [{**STANDS, "history": [ACT]}]})},
    ),
}
