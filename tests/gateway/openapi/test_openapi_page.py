"""The document and its page are served without a key, and the page asks nobody else for anything."""

import json
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from services.gateway.openapi.endpoints import FILES, router
from services.gateway.openapi.service import FOLDER
from tests.gateway.openapi import reading
from tools.vestnik.openapi.markup import element, markdown

VOID = frozenset({"meta", "link", "input"})


@pytest.fixture(scope="module")
def browser() -> TestClient:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(router)
    return TestClient(app)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> Page:
    read = Page()
    read.feed((FOLDER / "page.html").read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_served_to_everybody_and_only_once(browser: TestClient, path: str) -> None:
    first = browser.get(path)
    assert first.status_code == 200
    assert "max-age" in first.headers["cache-control"]
    for known in (first.headers["etag"], f'"other", {first.headers["etag"]}', f"W/{first.headers['etag']}", "*"):
        again = browser.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert browser.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_document_is_served_as_it_is_committed(browser: TestClient) -> None:
    answer = browser.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.content) == reading.document()


def test_the_page_may_load_its_own_files_only(browser: TestClient) -> None:
    policy = browser.get("/docs").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_names_no_other_place_and_holds_no_script_of_its_own(page: Page) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href"):
            target = attributes.get(name) or ""
            assert not target or target.startswith(("/", "#", "data:,")), target
            assert not target.startswith("//")
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag


def test_the_page_is_well_formed_and_its_links_lead_somewhere(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    anchors = {
        (attributes.get("href") or "")[1:]
        for _, attributes in page.elements
        if (attributes.get("href") or "").startswith("#")
    }
    assert anchors <= set(ids)
    assert {operation.name for operation in [*reading.operations(), *reading.webhooks()]} <= set(ids)


def test_text_cannot_become_markup() -> None:
    assert element("p", "<script>&") == "<p>&lt;script&gt;&amp;</p>"
    assert element("p", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;"></p>'
    assert "<img" not in markdown("a <img src=x> `<b>` **<i>**")
