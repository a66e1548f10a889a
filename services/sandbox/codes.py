"""Meta's error codes: the HTTP status and the words that come with each (`support/error-codes`)."""

from typing import NamedTuple

HREF = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


class Code(NamedTuple):
    status: int
    title: str
    details: str


_CODES = {
    0: Code(401, "AuthException", "We were unable to authenticate the app user."),
    1: Code(400, "API Unknown", "Invalid request or possible server error."),
    2: Code(503, "API Service", "Temporary due to downtime or due to being overloaded."),
    3: Code(500, "API Method", "Capability or permissions issue."),
    4: Code(400, "API Too Many Calls", "The app has reached its API call rate limit."),
    10: Code(403, "Permission Denied", "Permission is either not granted or has been removed."),
    33: Code(400, "Parameter value is not valid", "The business phone number has been deleted."),
    100: Code(400, "Invalid parameter", "The request included one or more unsupported or misspelled parameters."),
    190: Code(401, "Access token has expired", "Your access token has expired."),
    200: Code(403, "API Permission", "Permission is either not granted or has been removed."),
    368: Code(403, "Temporarily blocked for policies violations", "The account has been restricted or disabled."),
    80007: Code(400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    130403: Code(400, "User is blocked", "You blocked this user."),
    130429: Code(400, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: Code(400, "User's number is part of an experiment", "Message was not sent as part of an experiment."),
    130497: Code(403, "Business account is restricted from messaging users in this country", "Country restricted."),
    131000: Code(500, "Something went wrong", "Message failed to send due to an unknown error."),
    131005: Code(403, "Access denied", "Permission is either not granted or has been removed."),
    131008: Code(400, "Required parameter is missing", "The request is missing a required parameter."),
    131009: Code(400, "Parameter value is not valid", "One or more parameter values are invalid."),
    131016: Code(500, "Service unavailable", "A service is temporarily unavailable."),
    131021: Code(400, "Recipient cannot be sender", "Sender and recipient phone number is the same."),
    131026: Code(400, "Message undeliverable", "Unable to deliver message."),
    131030: Code(
        400, "Recipient phone number not in allowed list", "Add the recipient to the allowed list and try again."
    ),
    131031: Code(403, "Account has been locked", "The WhatsApp Business Account has been restricted or disabled."),
    131037: Code(400, "Display name not approved", "The display name of the 555 number is not approved."),
    131042: Code(400, "Business eligibility payment issue", "There was an error related to your payment method."),
    131044: Code(400, "Business eligibility: payment", "There was an error related to your payment method."),
    131045: Code(500, "Incorrect certificate", "Message failed to send due to a phone number registration error."),
    131047: Code(400, "Re-engagement message", "More than 24 hours have passed since the recipient last replied."),
    131048: Code(400, "Spam rate limit hit", "Too many previous messages were blocked or flagged as spam."),
    131049: Code(400, "Meta chose not to deliver", "Not delivered to maintain healthy ecosystem engagement."),
    131050: Code(400, "User has stopped marketing messages", "The recipient chose to stop marketing messages."),
    131051: Code(400, "Unsupported message type", "Message type is currently not supported."),
    131052: Code(400, "Media download error", "Unable to download the media sent by the user."),
    131053: Code(400, "Media upload error", "Unable to upload the media used in the message."),
    131055: Code(400, "Method not allowed", "Only marketing templates are allowed here."),
    131056: Code(
        400, "(Business Account, Consumer Account) pair rate limit hit", "Too many messages to the same phone number."
    ),
    131057: Code(500, "Account in maintenance mode", "Business Account is in maintenance mode."),
    131062: Code(400, "BSUID not allowed for this message", "Authentication templates need the phone number in to."),
    131063: Code(400, "Marketing messages disabled on Cloud API", "Send marketing templates by /marketing_messages."),
    131064: Code(400, "Messaging limit", "Templates of this account were misclassified."),
    132000: Code(400, "Number of parameters does not match the expected number of params", "Wrong parameter count."),
    132001: Code(
        404, "Template name does not exist in the translation", "The template does not exist or is unapproved."
    ),
    132005: Code(400, "Translated text too long", "Translated text is too long."),
    132007: Code(400, "Template format character policy violated", "Template content violates a policy."),
    132008: Code(400, "Parameter value is not valid", "A template parameter has an invalid value."),
    132012: Code(400, "Parameter format does not match format in the created template", "Wrong parameter format."),
    132015: Code(400, "Template is paused", "Template is paused due to low quality."),
    132016: Code(400, "Template is disabled", "Template has been paused too many times due to low quality."),
    132018: Code(400, "Template parameters do not match", "The parameters do not fit the template."),
    132068: Code(400, "Flow is blocked", "The flow is in blocked state."),
    132069: Code(400, "Flow is throttled", "The flow is throttled: 10 messages in an hour were sent."),
    133000: Code(500, "Incomplete deregistration", "A previous deregistration failed: deregister again."),
    133004: Code(503, "Server temporarily unavailable", "Server is temporarily unavailable."),
    133005: Code(400, "Two-step verification PIN mismatch", "The two-step verification PIN is wrong."),
    133006: Code(400, "Phone number re-verification needed", "Verify the number before registering it."),
    133008: Code(400, "Too many two-step verification PIN guesses", "Too many guesses of the PIN."),
    133009: Code(400, "Two-step verification PIN guessed too fast", "The PIN was entered too quickly."),
    133010: Code(400, "Phone number not registered", "Phone number not registered on the WhatsApp Business Platform."),
    133015: Code(400, "Number recently deleted", "Wait 5 minutes before registering this number."),
    133016: Code(400, "Account register deregister rate limit exceeded", "At most 10 calls in 72 hours."),
    134011: Code(400, "WhatsApp Pay terms", "The terms of service of payments are not accepted."),
    134100: Code(400, "Only marketing messages supported", "The template is not of the category marketing."),
    134101: Code(400, "Template is being synced", "Try again in ten minutes."),
    134102: Code(400, "Template unavailable", "The template cannot be used with this API."),
    135000: Code(400, "Generic user error", "The message could not be sent for an unknown error of the request."),
    137000: Code(400, "Identity key mismatch", "The recipient's identity key hash does not match."),
    139100: Code(400, "Failed to block or unblock users", "Some or all users could not be blocked."),
    139101: Code(400, "Blocklist limit reached", "At most 64,000 users can be blocked."),
    139102: Code(400, "Blocklist concurrent update", "The list changed while it was paged."),
    139103: Code(500, "Blocklist internal error", "Try again."),
    141008: Code(403, "Technical lock", "The account is locked for a technical reason."),
    141014: Code(403, "WABA banned", "The WhatsApp Business Account is banned."),
    2388019: Code(400, "Template limit exceeded", "The account has as many templates as it may have."),
    2388024: Code(
        400, "Content in this language already exists", "There is already a template of this name and language."
    ),
}


KNOWN = frozenset(_CODES)


def code_of(code: int) -> Code:
    """The table's row, or a plain 400 for a code that a scenario invents."""
    return _CODES.get(code, Code(400, "Unknown error", "An error the sandbox has no words for."))
