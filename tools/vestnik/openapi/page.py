"""The readable page of the document: plain HTML in two languages, which works without scripts too."""

import json
from collections.abc import Iterable
from typing import Any

from tools.vestnik.openapi.components import RUSSIAN_START
from tools.vestnik.openapi.markup import Markup, element, inline, join, markdown, void
from tools.vestnik.openapi.note import Json

REQUEST, ANSWER = ("Request", "Запрос"), ("Answers", "Ответы")
RULES = ("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "pattern", "format", "default")


def page(document: Json) -> str:
    """The whole page."""
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{document['info']['title']} API"),
        void("link", rel="icon", href="data:,"),
        void("link", rel="stylesheet", href="/docs/page.css"),
        element("script", src="/docs/page.js", defer=True),
    )
    body = element("body", _navigation(document), element("main", *_main(document)))
    return f'<!doctype html>\n<html lang="en">{head}\n{body}</html>\n'


def _navigation(document: Json) -> Markup:
    search = void("input", type="search", id="search", placeholder="Search / Поиск", aria_label="Search", hidden=True)
    languages = element(
        "div",
        element("button", "English", type="button", data_language="en"),
        element("button", "Русский", type="button", data_language="ru"),
        id="languages",
        hidden=True,
    )
    groups = [
        join([element("h2", _two(tag["name"], tag["x-ru"])), _links(_operations_of(document, tag["name"]))])
        for tag in document["tags"]
    ]
    hooks = join([element("h2", _two("Webhooks", "Вам от нас")), _links(_hooks(document))])
    schemas = element("h2", element("a", _two("Schemas", "Схемы"), href="#schemas"))
    start = element("a", element("strong", "Vestnik API"), href="#start", class_="brand")
    return element("nav", start, languages, search, *groups, hooks, schemas)


def _links(operations: Iterable[tuple[str, str, Json]]) -> Markup:
    return element(
        "ul",
        *(
            element(
                "li", element("a", _badge(method), _two(one["summary"], one["x-ru"]), href=f"#{one['operationId']}")
            )
            for method, _, one in operations
        ),
    )


def _main(document: Json) -> list[Markup]:
    english, _, russian = document["info"]["description"].partition(RUSSIAN_START)
    start = element(
        "section",
        element("h1", document["info"]["title"]),
        element("div", markdown(english), lang="en"),
        element("div", markdown(RUSSIAN_START + russian), lang="ru"),
        element("p", element("a", "openapi.json", href="/openapi.json")),
        id="start",
    )
    sections = [_tag(document, tag) for tag in document["tags"]]
    hooks = [element("h2", _two("Webhooks: what we post to you", "Обратные вызовы: что мы присылаем вам"))]
    hooks += [_operation(document, *hook) for hook in _hooks(document)]
    schemas = document["components"]["schemas"]
    shown = [_schema_section(name, schemas[name]) for name in schemas]
    return [start, *sections, *hooks, element("h2", _two("Schemas", "Схемы"), id="schemas"), *shown]


def _tag(document: Json, tag: Json) -> Markup:
    heading = element("h2", _two(tag["name"], tag["x-ru"]))
    found = [_operation(document, *one) for one in _operations_of(document, tag["name"])]
    return join([heading, element("p", tag["description"]), *found])


def _operations_of(document: Json, tag: str) -> list[tuple[str, str, Json]]:
    return [
        (method, path, one)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
        if tag in one["tags"]
    ]


def _hooks(document: Json) -> list[tuple[str, str, Json]]:
    return [("post", "your URL", hook["post"]) for hook in document["webhooks"].values()]


def _operation(document: Json, method: str, path: str, one: Json) -> Markup:
    scopes = one.get("x-scopes")
    parts = [
        element("h3", _two(one["summary"], one["x-ru"])),
        element("p", _badge(method), element("code", path), class_="address"),
        _description(one),
        element("p", _two("Scope: ", "Право ключа: "), element("code", ", ".join(scopes))) if scopes else Markup(),
        _parameters(document, one.get("parameters", [])),
        _request(one.get("requestBody")),
        _answers(document, one["responses"]),
    ]
    return element("section", *parts, id=one["operationId"], class_="operation")


def _description(one: Json) -> Markup:
    english = markdown(one["description"])
    if "x-ru-description" not in one:
        return english
    return join([element("div", english, lang="en"), element("div", markdown(one["x-ru-description"]), lang="ru")])


def _parameters(document: Json, parameters: list[Json]) -> Markup:
    if not parameters:
        return Markup()
    rows = [_parameter(_resolved(document, parameter)) for parameter in parameters]
    return join([element("h4", _two("Parameters", "Параметры")), element("table", *rows)])


def _parameter(one: Json) -> Markup:
    example = one.get("example", next(iter(one.get("examples") or one["schema"].get("examples") or [None])))
    return element(
        "tr",
        element("td", element("code", one["name"]), _required(bool(one.get("required"))), element("small", one["in"])),
        element("td", _type(one["schema"]), inline(one["description"]), _rules(one["schema"]), _example(example)),
    )


def _request(body: Json | None) -> Markup:
    if body is None:
        return Markup()
    content = [_content(kind, said) for kind, said in body["content"].items()]
    return join([element("h4", _two(*REQUEST)), *content])


def _answers(document: Json, responses: Json) -> Markup:
    shown = [_answer(status, _resolved(document, answer)) for status, answer in responses.items()]
    return join([element("h4", _two(*ANSWER)), *shown])


def _answer(status: str, answer: Json) -> Markup:
    heading = element("summary", element("code", status), inline(answer["description"]))
    content = [_content(kind, said) for kind, said in answer.get("content", {}).items()]
    headers = ", ".join(answer.get("headers", {}))
    told = [element("p", element("small", f"Headers: {headers}"))] if headers else []
    return element("details", heading, *told, *content, class_="good" if status.startswith("2") else "bad")


def _content(kind: str, said: Json) -> Markup:
    heading = element("p", element("small", kind), _type(said.get("schema", {})))
    return join([heading, *(_shown(name, example) for name, example in said.get("examples", {}).items())])


def _shown(name: str, example: Json) -> Markup:
    text = json.dumps(example["value"], indent=2, ensure_ascii=False)
    return element("details", element("summary", inline(example.get("summary", name))), element("pre", text))


def _schema_section(name: str, schema: Json) -> Markup:
    return element("section", element("h3", name), _schema(schema), id=f"schema-{name}", class_="schema")


def _schema(schema: Json) -> Markup:
    described = markdown(schema.get("description", ""))
    return join([described, element("p", _type(schema), _rules(schema)), _fields(schema)])


def _fields(schema: Json) -> Markup:
    if "properties" not in schema:
        return Markup()
    required = schema.get("required", [])
    rows = [_property(name, one, is_required=name in required) for name, one in schema["properties"].items()]
    return element("table", *rows)


def _property(name: str, schema: Json, *, is_required: bool) -> Markup:
    shown = None if "const" in schema or "enum" in schema else next(iter(schema.get("examples", [])), None)
    row = element(
        "tr",
        element("td", element("code", name), _required(is_required)),
        element("td", _type(schema), inline(schema.get("description", "")), _rules(schema), _example(shown)),
    )
    inner = _inner(schema)
    return (
        row if inner is None else join([row, element("tr", element("td", _nested(name, schema, inner), colspan="2"))])
    )


def _nested(name: str, schema: Json, inner: Json) -> Markup:
    words = markdown(inner.get("description", "")) if inner is not schema else Markup()
    summary = element("summary", _two("Fields of ", "Поля "), element("code", name))
    return element("details", summary, words, _fields(inner), class_="inner")


def _inner(schema: Json) -> Json | None:
    item = schema.get("items", schema)
    return item if "properties" in item else None


def _type(schema: Any) -> Markup:
    return element("span", _type_words(schema), class_="type")


def _type_words(schema: Any) -> Markup:
    if not isinstance(schema, dict) or not schema:
        return Markup("anything")
    for many in ("oneOf", "anyOf"):
        if any("$ref" in child or "type" in child for child in schema.get(many, [])):
            return Markup(" or ".join(_type_words(child) for child in schema[many]))
    return _plain_words(schema)


def _plain_words(schema: Json) -> Markup:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return element("a", name, href=f"#schema-{name}")
    if "const" in schema:
        return element("code", json.dumps(schema["const"], ensure_ascii=False))
    if "enum" in schema:
        return Markup(" · ".join(element("code", str(value)) for value in schema["enum"]))
    if schema.get("type") == "array":
        return Markup("list of " + _type_words(schema.get("items", {})))
    kind = schema.get("type", "anything")
    return join([kind if isinstance(kind, str) else " or ".join(kind)])


def _rules(schema: Json) -> Markup:
    rules = [f"{rule}: {schema[rule]}" for rule in RULES if schema.get(rule) is not None]
    return element("small", ", ".join(rules)) if rules else Markup()


def _example(value: Any) -> Markup:
    if value is None:
        return Markup()
    return element("small", _two("e.g. ", "напр. "), element("code", json.dumps(value, ensure_ascii=False)))


def _required(is_required: bool) -> Markup:
    return element("small", _two("required", "обязательно"), class_="required") if is_required else Markup()


def _badge(method: str) -> Markup:
    return element("span", method.upper(), class_=f"method {method.lower()}")


def _two(english: str, russian: str) -> Markup:
    return join([element("span", english, lang="en"), element("span", russian, lang="ru")])


def _resolved(document: Json, node: Json) -> Json:
    while "$ref" in node:
        found: Json = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node
