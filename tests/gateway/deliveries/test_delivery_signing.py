"""Signatures, by known answers that others computed."""

from services.gateway.deliveries import signing
from tests.gateway.deliveries.receiver import Call, is_signed_as_meta, is_signed_as_standard_webhook


def test_the_known_answer_of_standard_webhooks_comes_out() -> None:
    # Published with the specification (standard-webhooks, libraries/python/tests).
    signature = signing.webhook_signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_hub_signature_is_hmac_sha256_with_the_text_of_the_secret() -> None:
    # RFC 4231, test case 2.
    assert signing.hub_signature("Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_both_signatures_verify_and_another_body_does_not() -> None:
    secret = "whsec_" + "QUJD" * 8
    headers = signing.headers(secret=secret, delivery_id="d1", timestamp=1_700_000_000, body=b"{}")
    assert is_signed_as_meta(Call(headers, b"{}"), secret)
    assert is_signed_as_standard_webhook(Call(headers, b"{}"), secret)
    assert not is_signed_as_meta(Call(headers, b"{} "), secret)
    assert not is_signed_as_standard_webhook(Call(headers, b"{} "), secret)
