"""What an internal token proves, and everything that is refused with one and the same answer."""

import warnings
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from services.kernel import clock, crypto
from services.kernel.errors import Unauthorized
from services.kernel.tokens import Principal, TokenIssuer, TokenVerifier

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GATEWAY_SEED, GATEWAY_PUBLIC = crypto.new_signing_keys()
STAFF_SEED, STAFF_PUBLIC = crypto.new_signing_keys()
PUBLIC_KEYS = {"gateway": crypto.b64url(GATEWAY_PUBLIC), "staff": crypto.b64url(STAFF_PUBLIC)}


def gateway() -> TokenIssuer:
    return TokenIssuer("gateway", GATEWAY_SEED)


def consent() -> TokenVerifier:
    return TokenVerifier(PUBLIC_KEYS, "consent")


def forged(seed: bytes = GATEWAY_SEED, kid: str = "gateway", **changes: Any) -> str:
    now = int(clock.now().timestamp())
    claims = {"iss": "gateway", "sub": "x", "aud": "consent", "role": "service", "iat": now, "exp": now + 60} | changes
    public = crypto.b64url(crypto.public_signing_key(seed))
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public, "d": crypto.b64url(seed)})
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "Ed25519", "kid": kid}, kept, key, algorithms=["Ed25519"])


def refuse(token: str) -> None:
    with pytest.raises(Unauthorized) as refusal:
        consent().verify(token)
    assert str(refusal.value).startswith("the internal token is missing or not valid")
    assert refusal.value.__cause__ is None


def test_a_token_names_issuer_subject_role_and_tenant() -> None:
    tenant_id = uuid4()
    token = gateway().issue(audience="consent", role="tenant", subject="key 7", tenant_id=tenant_id)
    assert consent().verify(token) == Principal("gateway", "key 7", "tenant", tenant_id)


def test_a_forged_token_with_right_claims_is_accepted_by_this_test() -> None:
    assert consent().verify(forged()) == Principal("gateway", "x", "service", None)


def test_a_token_for_another_audience_is_refused() -> None:
    refuse(gateway().issue(audience="billing", role="service", subject="gateway"))


def test_a_token_is_good_until_its_end_and_a_leeway() -> None:
    with clock.frozen(NOW) as hands:
        token = gateway().issue(audience="consent", role="service", subject="gateway", lifetime_seconds=60)
        verifier = consent()
        verifier.verify(token)
        hands.advance(59)
        verifier.verify(token)
        hands.advance(5)
        verifier.verify(token)
        hands.advance(7)
        with pytest.raises(Unauthorized):
            verifier.verify(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "staff"},
        {"iss": "billing"},
        {"role": "staff"},
        {"role": "root"},
        {"role": None},
        {"role": "tenant"},
        {"role": "tenant", "tid": "not a uuid"},
        {"sub": None},
        {"sub": 7},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"exp": "tomorrow"},
    ],
)
def test_contradicting_or_missing_claims_are_refused(changes: dict[str, Any]) -> None:
    refuse(forged(**changes))


def test_a_signature_of_another_issuer_is_refused() -> None:
    refuse(forged(seed=STAFF_SEED))
    refuse(forged(seed=crypto.random_key()))
    refuse(forged(kid="nobody"))


def test_staff_tokens_come_from_the_staff_issuer_only() -> None:
    staff = TokenIssuer("staff", STAFF_SEED)
    found = consent().verify(staff.issue(audience="consent", role="staff", subject="anna"))
    assert (found.role, found.subject) == ("staff", "anna")
    refuse(forged(seed=STAFF_SEED, kid="staff", iss="staff", role="service"))
    for issuer, role in ((staff, "service"), (gateway(), "staff")):
        with pytest.raises(ValueError, match="may not sign"):
            issuer.issue(audience="consent", role=role, subject="x")


def test_another_algorithm_is_refused() -> None:
    claims = {"iss": "gateway", "sub": "x", "aud": "consent", "role": "service", "iat": 1, "exp": 9_999_999_999}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        secret = OctKey.import_key(GATEWAY_PUBLIC)
        refuse(jwt.encode({"alg": "HS256", "kid": "gateway"}, claims, secret, algorithms=["HS256"]))
    refuse("eyJhbGciOiJub25lIiwia2lkIjoiZ2F0ZXdheSJ9." + forged().split(".")[1] + ".")


def test_no_changed_character_is_accepted() -> None:
    head, body, signature = forged().split(".")
    for text in (f"{head}.{body}.{signature[::-1]}", f"{head}.{body[::-1]}.{signature}", f"{head}.{body}", head, ""):
        refuse(text)
    refuse("a" * 100_000)


@given(st.text(max_size=200) | st.binary(max_size=60).map(crypto.b64url).map(lambda part: f"{part}.{part}.{part}"))
def test_any_text_is_refused_and_never_breaks_the_verifier(text: str) -> None:
    refuse(text)


def test_an_issuer_hands_out_one_token_until_half_of_its_life() -> None:
    with clock.frozen(NOW) as hands:
        issuer = gateway()
        first = issuer.issue(audience="consent", role="service", subject="gateway")
        hands.advance(29)
        assert issuer.issue(audience="consent", role="service", subject="gateway") == first
        assert issuer.issue(audience="billing", role="service", subject="gateway") != first
        hands.advance(2)
        assert issuer.issue(audience="consent", role="service", subject="gateway") != first
