"""Tokens for staff, signed with the staff issuer's private key of a stack."""

from deploy.local.secrets import Secrets, unb64url
from services.kernel.tokens import TokenIssuer

AUDIENCES = ("gateway", "webhook", "consent", "billing")
LIFETIME_SECONDS = 8 * 3600


def token(secrets: Secrets, *, lifetime_seconds: int = LIFETIME_SECONDS, subject: str = "operator") -> str:
    """Return a token that every service takes for a member of staff."""
    issuer = TokenIssuer("staff", unb64url(secrets.issuers["staff"]))
    return issuer.issue(audience=AUDIENCES, role="staff", subject=subject, lifetime_seconds=lifetime_seconds)
