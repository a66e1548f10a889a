"""Notes on consents and on the wallet: routes that consent and billing serve."""

from services.consent.consents.errors import WithdrawnByPerson, WithdrawnLater
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Example, Json, Note, one

CONSENTS, BILLING = "Consents", "Billing"
EVIDENCE = {"source": "web_form", "text": "Согласен получать сообщения о заказах.", "given_at": samples.AT}
GIVING: Json = {"phone": samples.PERSON, "purpose": "service", "evidence": EVIDENCE}
GIVEN: Json = {
    "id": samples.CONSENT_ID,
    "phone": samples.PERSON,
    "purpose": "service",
    "state": "given",
    "given_at": samples.AT,
    "recorded_at": samples.LATER,
}
STANDS: Json = {"purpose": "service", "state": "given", "since": samples.AT, "source": "web_form"}
TAKEN_BACK: Json = {"purpose": "service", "state": "withdrawn", "since": samples.LATER, "source": "api"}
ACT: Json = {
    "id": samples.CONSENT_ID,
    "act": "given",
    "source": "web_form",
    "at": samples.AT,
    "recorded_at": samples.LATER,
}
ROUBLES: Json = {"amount": "1000.00", "currency": "RUB"}

NOTES = {
    "POST /v1/consents": Note(
        id="recordConsent",
        tag=CONSENTS,
        summary="Record that a person agreed",
        ru="Записать согласие человека",
        description="With the evidence: where, to which words and when. A template of the category utility needs the "
        "purpose service, the others their own.",
        request={
            "example": Example(GIVING, "with the time of the agreement"),
            "now": Example(
                {**GIVING, "evidence": {"source": "checkbox", "text": "Согласен."}}, "the person agrees now"
            ),
        },
        answers={201: one(GIVEN)},
        failures=(WithdrawnByPerson, WithdrawnLater),
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
        answers={200: one({"phone": samples.PERSON, "consents": [TAKEN_BACK]})},
    ),
    "GET /v1/consents": Note(
        id="readConsents",
        tag=CONSENTS,
        summary="Where a person stands",
        ru="Согласия человека",
        description="Every purpose with its history; an unknown person has an empty list.",
        answers={200: one({"consents": [{**STANDS, "history": [ACT]}]})},
    ),
    "GET /v1/billing/balance": Note(
        id="getBalance",
        tag=BILLING,
        summary="Your wallet",
        ru="Ваш кошелёк",
        description="What you have, what is held for messages on their way, and how far below zero you may go.",
        answers={
            200: one(
                {
                    "wallet": ROUBLES,
                    "held": {"amount": "6.00", "currency": "RUB"},
                    "credit_limit": {"amount": "0.00", "currency": "RUB"},
                }
            )
        },
    ),
}
