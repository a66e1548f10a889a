"""Internal tokens as an attacker could come by them: none of them may open the route."""

from collections.abc import Iterator
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import OKPKey

from deploy.local.secrets import Secrets, b64url, unb64url
from services.kernel.crypto import public_signing_key
from services.kernel.tokens import ALGORITHM, TokenIssuer

ROLES = ("service", "tenant", "staff")
ISSUER_OF = {"service": "gateway", "tenant": "gateway", "staff": "staff"}
HOUR_SECONDS = 3_600
NO_ALGORITHM = b64url(b'{"alg":"none"}')


class Mint:
    """Signs with the keys of a stack."""

    def __init__(self, secrets: Secrets, tenant_id: UUID) -> None:
        self._secrets = secrets
        self._tenant_id = tenant_id

    def token(self, role: str, audience: str, *, lifetime_seconds: int = HOUR_SECONDS) -> str:
        """A real token; for the role tenant it names this mint's tenant."""
        issuer = ISSUER_OF[role]
        return TokenIssuer(issuer, unb64url(self._secrets.issuers[issuer])).issue(
            audience=audience,
            role=role,
            subject="test",
            tenant_id=self._tenant_id if role == "tenant" else None,
            lifetime_seconds=lifetime_seconds,
        )

    def wrong(self, role: str, audience: str, api_key: str) -> Iterator[tuple[str, str | None]]:
        """Everything that must not pass where a token of `role` for `audience` does; with what is wrong with it."""
        right = self.token(role, audience)
        yield "no token", None
        yield "garbage", "garbage"
        yield "an API key", api_key
        yield "expired", self.token(role, audience, lifetime_seconds=-HOUR_SECONDS)
        yield "cut", right[:-4]
        yield "payload of another", _with_payload_of(right, self.token(_other(role), audience))
        yield "not signed", f"{NO_ALGORITHM}.{right.split('.')[1]}."
        yield "signed with another's key", self._forged(role, audience, kid=ISSUER_OF[role], key="webhook")
        yield "staff by a service", self._forged("staff", audience, kid="gateway", key="gateway")
        yield "tenant by staff", self._forged("tenant", audience, kid="staff", key="staff")
        yield "tenant without a tenant", self._forged("tenant", audience, kid="gateway", key="gateway", names=False)
        for other in sorted({"gateway", "webhook", "consent", "billing"} - {audience}):
            yield f"for {other}", self.token(role, other)
        for other in sorted(set(ROLES) - {role}):
            yield f"role {other}", self.token(other, audience)

    def _forged(self, role: str, audience: str, *, kid: str, key: str, names: bool = True) -> str:
        seed = unb64url(self._secrets.issuers[key])
        signing = OKPKey.import_key(
            {"kty": "OKP", "crv": "Ed25519", "x": b64url(public_signing_key(seed)), "d": b64url(seed)}
        )
        real = jwt.decode(self.token("service", audience), _verifying(self._secrets, "gateway"), algorithms=[ALGORITHM])
        claims = {**real.claims, "iss": kid, "role": role} | ({"tid": str(self._tenant_id)} if names else {})
        return jwt.encode({"alg": ALGORITHM, "kid": kid}, claims, signing, algorithms=[ALGORITHM])


def _verifying(secrets: Secrets, issuer: str) -> OKPKey:
    public = b64url(public_signing_key(unb64url(secrets.issuers[issuer])))
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public})


def _with_payload_of(token: str, other: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


def _other(role: str) -> str:
    return next(other for other in ROLES if other != role)
