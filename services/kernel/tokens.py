"""Internal tokens: who calls, for whom and in which role, signed with Ed25519 for a minute."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, OKPKey

from services.kernel import clock
from services.kernel.crypto import b64url, public_signing_key, unb64url
from services.kernel.errors import Unauthorized

Role = Literal["service", "tenant", "staff"]

ALGORITHM = "Ed25519"  # RFC 9864; the older name "EdDSA" leaves the curve open
STAFF_ISSUER = "staff"
LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 5  # clocks of two machines
TOKEN_CHARACTERS_MAX = 4_096
CACHED_MAX = 4_096  # tokens kept on either side: a few MB

_REFUSED = "the internal token is missing or not valid: sign a new one for this audience"


class Principal(msgspec.Struct, frozen=True):
    """Who calls: `issuer` signed for `subject`; `tenant_id` is set where the call is for one tenant."""

    issuer: str
    subject: str
    role: Role
    tenant_id: UUID | None = None


class _Issued(NamedTuple):
    token: str
    fresh_until: float  # seconds since the epoch

    def __repr__(self) -> str:
        return f"_Issued(fresh_until={self.fresh_until})"


class TokenIssuer:
    """Signs tokens in one issuer's name and hands a token out again until half of its life is over."""

    def __init__(self, issuer: str, private_key: bytes) -> None:
        self.issuer = issuer
        self._key = _signing_key(private_key)
        self._issued: dict[tuple[str | tuple[str, ...], str, str, UUID | None, int], _Issued] = {}

    def issue(
        self,
        *,
        audience: str | tuple[str, ...],
        role: str,
        subject: str,
        tenant_id: UUID | None = None,
        lifetime_seconds: int = LIFETIME_SECONDS,
    ) -> str:
        wanted = (audience, role, subject, tenant_id, lifetime_seconds)
        now = clock.now().timestamp()
        found = self._issued.get(wanted)
        if found is None or not found.fresh_until - lifetime_seconds <= now < found.fresh_until:
            claims = {"iss": self.issuer, "sub": subject, "aud": audience, "role": role}
            claims |= {} if tenant_id is None else {"tid": str(tenant_id)}
            token = self._sign(claims | {"iat": int(now), "exp": int(now) + lifetime_seconds})
            found = _Issued(token, now + lifetime_seconds / 2)
            _remember(self._issued, wanted, found)
        return found.token

    def _sign(self, claims: dict[str, Any]) -> str:
        if not may_mint(self.issuer, claims["role"]):
            raise ValueError(f"{self.issuer} may not sign tokens of role {claims['role']}")
        return jwt.encode({"alg": ALGORITHM, "kid": self.issuer}, claims, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Checks tokens for one audience. Every failure is the same Unauthorized, so that it teaches a forger nothing."""

    def __init__(self, public_keys: Mapping[str, str], audience: str) -> None:
        self._keys = {issuer: _verifying_key(public_key) for issuer, public_key in public_keys.items()}
        self._audience = audience
        self._verified: dict[str, tuple[float, Principal]] = {}

    def verify(self, token: str) -> Principal:
        now = clock.now().timestamp()
        expires, principal = self._verified.get(token, (0.0, None))
        if principal is None or now >= expires:
            expires, principal = self._check(token, now)
            _remember(self._verified, token, (expires, principal))
        return principal

    def _check(self, token: str, now: float) -> tuple[float, Principal]:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise Unauthorized(_REFUSED)
        registry = jwt.JWTClaimsRegistry(
            now=int(now),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True},
            sub={"essential": True},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            decoded = jwt.decode(token, self._find_key, algorithms=[ALGORITHM])
            registry.validate(decoded.claims)
            return float(decoded.claims["exp"]), _principal(decoded.header, decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError):
            raise Unauthorized(_REFUSED) from None

    def _find_key(self, token: GuestProtocol) -> OKPKey:
        return self._keys[token.headers()["kid"]]


def may_mint(issuer: str, role: str) -> bool:
    """Staff tokens come from the staff issuer and from nobody else; services speak for themselves and for tenants."""
    return role == "staff" if issuer == STAFF_ISSUER else role in ("service", "tenant")


def _principal(header: Mapping[str, Any], claims: Mapping[str, Any]) -> Principal:
    issuer, role = claims["iss"], claims["role"]
    if issuer != header["kid"] or not may_mint(issuer, role) or (role == "tenant" and "tid" not in claims):
        raise ValueError("the claims contradict each other")
    fields = {"issuer": issuer, "subject": claims["sub"], "role": role, "tenant_id": claims.get("tid")}
    return msgspec.convert(fields, Principal)


def _signing_key(seed: bytes) -> OKPKey:
    public = b64url(public_signing_key(seed))
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public, "d": b64url(seed)})


def _verifying_key(public_key: str) -> OKPKey:
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64url(unb64url(public_key))})


def _remember(cache: dict[Any, Any], key: Any, value: Any) -> None:
    if len(cache) >= CACHED_MAX:
        cache.pop(next(iter(cache)))  # the oldest: dicts keep their order
    cache[key] = value
