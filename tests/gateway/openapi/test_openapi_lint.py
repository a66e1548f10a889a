"""The document is valid, complete and says something everywhere."""

import re
from typing import get_args

import pytest
from fastapi.routing import iter_route_contexts
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.gateway.api import add_routes
from services.gateway.graph import errors as graph
from services.gateway.graph.batches import MESSAGES_MAX
from services.gateway.graph.interactives import RULES
from services.gateway.messages.reasons import REASONS
from services.gateway.tenants.scopes import SCOPES
from services.kernel.contracts.messages import Kind
from services.kernel.http import create_app
from services.kernel.process import Process
from services.kernel.settings import HttpSettings, ProcessSettings
from tests.gateway.openapi import reading
from tests.gateway.openapi.reading import Operation, Sample, document
from tools.vestnik.openapi import document as made
from tools.vestnik.openapi.components import TAG_NAMES
from tools.vestnik.openapi.failures import every_graph_error
from tools.vestnik.openapi.routes import ANY_OBJECT, NOT_FOR_TENANTS, SAME_SHAPE

OPERATIONS = reading.operations()
PROBLEM_JSON = "application/problem+json"


def by_name(operation: Operation) -> str:
    return operation.name


def test_the_committed_document_and_page_are_what_the_routes_say() -> None:
    assert made.main(check=True) == 0, "run: python -m tools.vestnik openapi"


def test_the_document_is_valid_openapi_3_1() -> None:
    assert document()["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_every_public_route_is_in_the_document_and_nothing_else_is() -> None:
    app = create_app("gateway", Process(ProcessSettings(process_name="routes", http=HttpSettings(port=0))))
    add_routes(app)
    routes = {
        (method, (route.path or "").replace(":graph_version", ""))
        for route in iter_route_contexts(app.router.routes)
        for method in (route.methods or {"*"}) - {"HEAD"}
        if not (route.path or "").startswith(NOT_FOR_TENANTS)
    }
    written = {(method, ANY_OBJECT if SAME_SHAPE.match(path) else path) for method, path in routes}
    assert {(operation.method, operation.path) for operation in OPERATIONS} == written


def test_operation_ids_are_unique_names() -> None:
    ids = [operation.name for operation in [*OPERATIONS, *reading.webhooks()]]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch("[a-z]+([A-Z][a-z]+)*", name)] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_an_operation_says_what_it_is_for_and_who_may_call_it(operation: Operation) -> None:
    said = operation.said
    assert said["summary"].strip()
    assert re.search("[а-я]", said["x-ru"])
    assert re.search("[а-я]", said["x-ru-description"])
    assert len(said["description"]) >= 20
    assert said["tags"][0] in TAG_NAMES
    assert said["x-scopes"]
    assert set(said["x-scopes"]) <= set(SCOPES)
    assert said["security"] == [{"apiKey": []}]


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_an_operation_shows_its_answers_and_its_refusals(operation: Operation) -> None:
    answers = {status: reading.resolved(answer) for status, answer in operation.said["responses"].items()}
    good = [answer for status, answer in answers.items() if status.startswith("2")]
    assert good
    assert {"401", "403", "429", "500", "503"} <= answers.keys()
    for answer in [*good, *(answers[status] for status in answers if status >= "4")]:
        for kind, said in answer.get("content", {}).items():
            assert said.get("examples") or "json" not in kind
    for status in ("429", "503"):
        assert "Retry-After" in answers[status]["headers"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_a_refusal_has_the_shape_of_its_door(operation: Operation) -> None:
    is_graph = operation.path.startswith("/{version}/")
    for status, answer in operation.said["responses"].items():
        if status >= "4" and status != "500":
            content = reading.resolved(answer)["content"]
            (kind,) = content
            assert kind == ("application/json" if is_graph else PROBLEM_JSON)
            assert content[kind]["schema"] == {
                "$ref": f"#/components/schemas/{'GraphError' if is_graph else 'Problem'}"
            }


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_every_parameter_has_words_and_an_example_or_a_default(operation: Operation) -> None:
    for parameter in map(reading.resolved, operation.said["parameters"]):
        assert parameter.get("description"), parameter["name"]
        assert "example" in parameter or "default" in parameter["schema"], parameter["name"]


def test_a_path_names_each_of_its_parameters() -> None:
    for operation in OPERATIONS:
        declared = {one["name"] for one in map(reading.resolved, operation.said["parameters"]) if one["in"] == "path"}
        assert declared == set(re.findall(r"{([a-z_]+)}", operation.path)), operation.name


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if "requestBody" in one.said], ids=by_name)
def test_a_body_has_an_example(operation: Operation) -> None:
    for kind, said in operation.said["requestBody"]["content"].items():
        assert said.get("examples") or kind == "multipart/form-data"


def test_every_field_of_every_schema_has_words() -> None:
    silent = [path for path, schema in reading.properties() if not reading.resolved(schema).get("description")]
    assert silent == []


def test_every_schema_has_words() -> None:
    assert [name for name, schema in document()["components"]["schemas"].items() if not schema.get("description")] == []


def test_every_reference_leads_somewhere() -> None:
    for path, node in reading.nodes(document()):
        if "$ref" in node:
            assert reading.resolved(node), path


def test_every_schema_is_used() -> None:
    text = str(document())
    assert [name for name in document()["components"]["schemas"] if f"/schemas/{name}'" not in text] == []


@pytest.mark.parametrize("sample", reading.samples(), ids=lambda sample: sample.where)
def test_an_example_fits_its_schema(sample: Sample) -> None:
    assert reading.errors_of(sample.schema, sample.value) == []


def test_every_error_of_the_send_door_is_shown_with_its_code() -> None:
    send = next(operation for operation in OPERATIONS if operation.name == "sendMessage")
    shown = {
        (status, example["value"]["error"]["code"])
        for status, answer in send.said["responses"].items()
        if status >= "4" and status != "500"
        for example in reading.resolved(answer)["content"]["application/json"]["examples"].values()
    }
    errors = {error for error in every_graph_error() if error.__module__ == graph.__name__}
    errors -= {graph.NoSuchObject, graph.ServerError}
    assert {(str(error.status), error.graph_code) for error in errors} <= shown


def test_every_kind_of_message_has_a_schema() -> None:
    schemas = document()["components"]["schemas"]
    assert set(schemas["Message"]["discriminator"]["mapping"]) == set(get_args(Kind))
    assert set(schemas["Interactive"]["discriminator"]["mapping"]) == set(RULES)
    assert schemas["Batch"]["properties"]["messages"]["maxItems"] == MESSAGES_MAX


def test_every_reason_for_a_failure_is_listed() -> None:
    words = document()["components"]["schemas"]["MessageFailure"]["properties"]["reason"]["description"]
    assert [reason for reason in REASONS if f"`{reason}`" not in words] == []


def test_every_scope_is_needed_somewhere() -> None:
    assert {scope for operation in OPERATIONS for scope in operation.said["x-scopes"]} == set(SCOPES)
