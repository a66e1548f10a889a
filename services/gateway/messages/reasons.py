"""Why a message failed: the closed set of reasons, in words for a person."""

REASONS = {
    "no_consent": "The person has not agreed to messages of this purpose. Record a consent with its evidence first.",
    "withdrawn": "The person took the consent back. Only the person can give it again.",
    "window_closed": "The person has not written within 24 hours. Send an approved template instead.",
    "policy": "A rule of the operator forbids this message; the trace names the rule.",
    "no_balance": "The wallet does not cover the price. Top it up and send again.",
    "price_above_max": "The price is above the max_price of the message; nothing was charged.",
    "already_closed": "The message had ended before it could be paid for; nothing was charged.",
    "cancelled": "The message was cancelled before it was sent.",
    "expired": "The message was not sent before its time was over; nothing was charged.",
    "meta_refused": "Meta refused the message; the code is Meta's.",
    "unknown": "The answer to the send was lost and no report came. It was not repeated; nothing was charged.",
}

META_REFUSED = "meta_refused"
_REASONS_OF_META = {131047: "window_closed", 131050: "withdrawn"}


def words(reason: str) -> str:
    """The sentence for a reason; a newer service may know one that this build does not."""
    return REASONS.get(reason, "The message was not sent; the trace and the code say more.")


def reason_of(code: int) -> str:
    """Our reason for an error that Meta answered or reported."""
    return _REASONS_OF_META.get(code, META_REFUSED)
