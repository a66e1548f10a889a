"""Notes on the wallet, on charges and on usage: routes that billing serves."""

from services.billing.charges.errors import BadRange
from services.billing.usage.errors import BadMonths
from services.kernel.cursors import BadCursor, OtherQuestion
from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Json, Note, one

BILLING = "Billing"
NEXT = "AQ1pV7wK0QBzZqUyDXXFd0-5Nn_Bam0AZm9vYmFyYmF6cXV4MTIzNDU2"


def roubles(amount: str) -> Json:
    return {"amount": amount, "currency": "RUB"}


CHARGE: Json = {
    "message_id": samples.MESSAGE_ID,
    "state": "captured",
    "reason": None,
    "category": "utility",
    "price": roubles("4.50"),
    "is_free": False,
    "month": "2026-11",
    "position": 1_017,
    "rate_card_version": 2,
    "decided_at": samples.AT,
    "captured_at": samples.LATER,
    "returned_at": None,
}
MONTH: Json = {
    "month": "2026-11",
    "position": 1_017,
    "items": [
        {
            "category": "utility",
            "is_free": False,
            "held": {"count": 2, "amount": roubles("9.00")},
            "charged": {"count": 1_012, "amount": roubles("6054.00")},
            "returned": {"count": 3, "amount": roubles("13.50")},
        }
    ],
    "ladder": {
        "rate_card_version": 2,
        "mode": "graduated",
        "tier": 2,
        "unit": roubles("4.50"),
        "next_message": roubles("4.50"),
        "next_tier": {"from_position": 10_001, "unit": roubles("2.50")},
    },
}

NOTES = {
    "GET /v1/billing/balance": Note(
        id="getBalance",
        tag=BILLING,
        summary="Your wallet",
        ru="Ваш кошелёк",
        description="What you have, what is held for messages on their way, and how far below zero you may go.",
        answers={
            200: one(
                {
                    "wallet": roubles("1000.00"),
                    "held": roubles("6.00"),
                    "credit_limit": roubles("0.00"),
                }
            )
        },
    ),
    "GET /v1/billing/charges": Note(
        id="listCharges",
        tag=BILLING,
        summary="What each message cost",
        ru="Стоимость каждого сообщения",
        description="Newest first, a page at a time: follow `paging.next` until it is null. A page can be short, or "
        "even empty, and still have a next one. A price is held when a message is cleared, charged when it is "
        "delivered or read, and given back when it fails or expires.",
        answers={200: one({"data": [CHARGE], "paging": {"next": NEXT}})},
        failures=(BadCursor, OtherQuestion, BadRange),
    ),
    "GET /v1/billing/usage": Note(
        id="readUsage",
        tag=BILLING,
        summary="What each month cost",
        ru="Расход по месяцам",
        description="By category, in months of your billing zone. Prices follow a ladder: each paid message of a month "
        "takes the next position, in the order in which prices are set aside, and costs what the tier of that position "
        "says. A position is not used again, whatever becomes of the message.",
        answers={200: one({"zone": "Europe/Moscow", "data": [MONTH]})},
        failures=(BadMonths,),
    ),
}
