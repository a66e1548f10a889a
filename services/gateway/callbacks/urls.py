"""Which URLs a tenant may give for its callbacks; each refusal says what to do."""

import re
from ipaddress import ip_address

from yarl import URL  # aiohttp's own parser: what is checked here is what will be connected to

from services.gateway.callbacks.addresses import AddressRules, is_allowed, is_loopback
from services.gateway.callbacks.errors import BadCallbackUrl

URL_CHARACTERS_MAX = 2_000
PORTS = frozenset({443, 8443})  # other ports on a public address are somebody else's service
PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without space and backslash, which parsers read in different ways
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def check_url(text: str, *, rules: AddressRules) -> str:
    """The URL as it will be called; raises BadCallbackUrl. Names are resolved, and judged, when they are called."""
    url = _parse(text)
    loopback = rules.allow_loopback and (is_loopback(url.raw_host or "") or url.raw_host == "localhost")
    if url.scheme != "https" and not (url.scheme == "http" and loopback):
        raise BadCallbackUrl("use an https:// URL")
    if not loopback:
        _check_host(url.raw_host or "", rules)
        if url.port not in PORTS:
            raise BadCallbackUrl("use port 443 or 8443")
    return str(url)


def _parse(text: str) -> URL:
    if len(text) > URL_CHARACTERS_MAX:
        raise BadCallbackUrl(f"use a URL of at most {URL_CHARACTERS_MAX} characters")
    if not PRINTABLE.fullmatch(text):
        raise BadCallbackUrl(
            "use printable ASCII characters only: write an international name as xn--..., a path %-encoded"
        )
    try:
        url = URL(text)
        has_host = bool(url.raw_host) and url.port is not None
    except ValueError:
        has_host = False
    if not has_host:
        raise BadCallbackUrl("give a complete URL, such as https://example.com/whatsapp")
    if "@" in url.raw_authority:
        raise BadCallbackUrl("leave user and password out of the URL: callbacks are signed instead")
    if url.raw_fragment:
        raise BadCallbackUrl("leave the part behind # out of the URL: it is never sent")
    return url


def _check_host(host: str, rules: AddressRules) -> None:
    if _is_address(host):
        if not is_allowed(host, rules):
            raise BadCallbackUrl("use a public address: this one is private, reserved or ours")
        return
    labels = host.split(".")
    if len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels):
        raise BadCallbackUrl("use a full public host name, such as hooks.example.com")
    if labels[-1][0].isdigit():  # 0x7f.1, 127.1, 0177.0.0.1: numbers that the resolver would read as an address
        raise BadCallbackUrl("write an address in its usual form, or better use a host name")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
