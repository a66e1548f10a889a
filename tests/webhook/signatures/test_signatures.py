"""The signature that proves that a webhook comes from Meta, and for which numbers."""

import pytest

from services.webhook.signatures.service import Signers, sign

SECRET = b"test_app_secret"
# Known answers: whatsapp-cloud-api 3.1.
COMPACT = b'{"object":"whatsapp_business_account","entry":[]}'
COMPACT_DIGEST = "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"
SPACED = b'{"object": "whatsapp_business_account", "entry": []}'
SPACED_DIGEST = "56cbbaf4961c6cfdae48b7f116c047e5eb513d2c931baae63a2bc1afd26f803a"


OTHER = b"another-secret"


@pytest.mark.parametrize(("body", "digest"), [(COMPACT, COMPACT_DIGEST), (SPACED, SPACED_DIGEST)])
def test_known_answers_are_reproduced(body: bytes, digest: str) -> None:
    assert sign(SECRET, body) == f"sha256={digest}"
    assert Signers(live=[SECRET]).signed_for(body, f"sha256={digest}")


def test_the_same_json_in_other_bytes_has_another_signature() -> None:
    assert not Signers(live=[SECRET]).signed_for(SPACED, f"sha256={COMPACT_DIGEST}")


def test_any_of_several_secrets_is_enough() -> None:
    for secrets in ([OTHER, SECRET], [SECRET, OTHER]):
        assert Signers(live=secrets).signed_for(COMPACT, f"sha256={COMPACT_DIGEST}")


@pytest.mark.parametrize(
    ("live", "test", "modes"),
    [
        ([SECRET], [OTHER], {"live"}),
        ([OTHER], [SECRET], {"test"}),
        ([SECRET], [SECRET], {"live", "test"}),
        ([SECRET], [], {"live"}),
        ([], [SECRET], {"test"}),
        ([OTHER], [OTHER], set()),
    ],
)
def test_a_signature_counts_for_the_list_that_its_secret_stands_in(
    live: list[bytes], test: list[bytes], modes: set[str]
) -> None:
    assert Signers(live=live, test=test).signed_for(COMPACT, f"sha256={COMPACT_DIGEST}") == modes


@pytest.mark.parametrize(
    "signature",
    [
        "",
        COMPACT_DIGEST,
        f"sha1={COMPACT_DIGEST}",
        f"sha256={COMPACT_DIGEST.upper()}",
        f"sha256={COMPACT_DIGEST[:-1]}",
        f"sha256={COMPACT_DIGEST}0",
        f"sha256={SPACED_DIGEST}",
        "sha256=\xff\u20ac",
    ],
)
def test_anything_else_is_refused(signature: str) -> None:
    assert not Signers(live=[SECRET], test=[OTHER]).signed_for(COMPACT, signature)


def test_without_a_secret_nothing_is_genuine() -> None:
    assert not Signers(live=[]).signed_for(COMPACT, f"sha256={COMPACT_DIGEST}")
