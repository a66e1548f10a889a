"""Which addresses and URLs are called at all (the list of billing-consent-keys 5.3)."""

from ipaddress import ip_network

import pytest

from services.gateway.callbacks.addresses import AddressRules, is_allowed
from services.gateway.callbacks.errors import BadCallbackUrl
from services.gateway.callbacks.urls import check_url
from services.gateway.settings import CallbackSettings

# fmt: off
REFUSED = [
    "10.254.0.0", "192.168.10.65", "172.16.10.65", "0.1.2.3", "0.0.0.0", "127.0.0.1", "127.254.254.254",
    "169.254.45.1", "255.255.255.255", "224.1.2.3", "233.252.0.16", "192.0.0.0", "192.0.0.255", "192.0.2.255",
    "198.51.100.65", "203.0.113.6", "100.100.0.0", "192.88.99.3", "198.18.0.0", "240.240.240.240", "::", "::1",
    "::ffff:127.0.0.1", "::ffff:0.0.0.1", "2001:db8::1", "3fff::dead:beef", "fe80::dead:beef", "febf:ffff::dead:beef",
    "fdee:3A45:9057::1", "fd7a:115c:a1e0::1", "2002:c000:0204::dead:beef", "2002:c0a8:0001::dead:beef",
    "64:ff9b::c0a8:0", "64:ff9b::808:808", "64:ff9b:1::dead:beef", "5f00::dead:beef", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "ff02::1", "fe80::1%eth0", "2606:4700::1111%eth0", "100::1", "2001::1", "2130706433",
    "0x7f.1", "0177.0.0.1", "localhost", "nonsense",
]
# fmt: on
STRICT, LOOPBACK = AddressRules(), AddressRules(allow_loopback=True)
ALLOWED = ["1.1.1.1", "8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"]
ITSELF = ["127.0.0.1", "127.254.254.254", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("address", REFUSED)
def test_a_special_address_is_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_allowed(address)


def test_loopback_is_allowed_by_the_setting_and_nothing_else_is() -> None:
    assert [address for address in REFUSED if is_allowed(address, LOOPBACK)] == [
        address for address in REFUSED if address in {*ITSELF, "::1"}
    ]


@pytest.mark.parametrize("address", [a for a in REFUSED if a[0].isdigit() or ":" in a])
def test_a_special_address_in_a_url_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(BadCallbackUrl):
        check_url(f"https://{host}/hook", rules=STRICT)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/whatsapp?shop=7",
        "https://hooks.example.com:8443/",
        "https://8.8.8.8/hook",
        "https://[2001:4860:4860::8888]/hook",
        "https://xn--80ak6aa92e.com/",
    ],
)
def test_a_public_https_url_is_accepted(url: str) -> None:
    assert check_url(url, rules=STRICT) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "hooks.example.com/x",
        "/x",
        "",
        "https://",
        "https:///x",
        "https://user@hooks.example.com/",
        "https://user:word@hooks.example.com/",
        "https://hooks.example.com:22/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com./",
        "https://8.8.8.8./",
        "https://hooks.example.com:80/",
        "https://hooks.example.com:8080/",
        "https://hooks.example.com:9092/",
        "https://hooks.example.com:5432/",
        "https://0x7f000001/",
        "https://0X7F.1/",
        "https://0177.1/",
        "https://127.0.0.1.:443/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[fe80::1%eth0]/",
        "https://%31%32%37.0.0.1/",
        "https://hooks.example.com%2eevil/",
        "https://metadata/",
        "https://169.254.169.254/latest/meta-data",
        "https://kafka/",
        "https://postgres:443/",
        "https://localhost/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0x0.0x0.0x1/",
        "https://017700000001/",
        "https://a..example.com/",
        "https://-a.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/ x",
        "https://hooks.example.com\\@evil.example/",
        "https://hooks.example.com/\r\nHost: x",
        "https://пример.рф/",
        "https://[fe80::1%25eth0]/",
        "https://[::1",
        "https://hooks.example.com/" + "x" * 2_000,
    ],
)
def test_any_other_url_is_refused_with_advice(url: str) -> None:
    with pytest.raises(BadCallbackUrl) as refusal:
        check_url(url, rules=STRICT)
    assert str(refusal.value).split()[0] in {"use", "give", "leave", "write"}
    assert refusal.value.status == 422


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://localhost:9000/", "http://[::1]:9000/", "https://127.0.0.1:9/"]
)
def test_plain_http_is_for_loopback_with_the_setting(url: str) -> None:
    assert check_url(url, rules=LOOPBACK) == url
    with pytest.raises(BadCallbackUrl):
        check_url(url, rules=STRICT)
    with pytest.raises(BadCallbackUrl):
        check_url("http://hooks.example.com/", rules=LOOPBACK)


OWN = AddressRules(denied=(ip_network("8.8.4.0/24"), ip_network("2001:4860:4860::/48")))


@pytest.mark.parametrize("address", ["8.8.4.4", "::ffff:8.8.4.4", "2001:4860:4860::8844"])
def test_our_own_public_addresses_are_refused(address: str) -> None:
    assert is_allowed(address)
    assert not is_allowed(address, OWN)
    with pytest.raises(BadCallbackUrl):
        check_url(f"https://[{address}]/" if ":" in address else f"https://{address}/", rules=OWN)


def test_our_own_networks_are_read_from_the_environment() -> None:
    settings = CallbackSettings.model_validate_json('{"deny_networks": ["198.51.100.0/24", "2001:db8:1::/48"]}')
    assert settings.rules == AddressRules(False, (ip_network("198.51.100.0/24"), ip_network("2001:db8:1::/48")))
