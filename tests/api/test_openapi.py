"""The API's document: valid, complete, and the same tomorrow."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from backend.api_document import NAMED, Refusals
from backend.db import STAGES
from backend.dispatch.lifecycle import Stage
from tests.api.builders import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

METHODS = ("get", "post", "patch", "put", "delete")
CHINESE, ENGLISH = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]{2,} [A-Za-z]|[A-Z][a-z]+")
WITH_EXAMPLES = {("post", "/api/reports"), ("post", "/api/reports/similar"), ("post", "/api/cases/{case_id}/handle")}


async def _document(api: Api) -> dict[str, Any]:
    answer = await api.http.get("/schema/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, item[method]) for path, item in document["paths"].items() for method in METHODS if method in item
    ]


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        here = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return here.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*map(_references, node))
    return set()


async def test_the_document_holds_together(shared: Api) -> None:
    document = await _document(shared)
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    assert {ref.removeprefix("#/components/schemas/") for ref in _references(document)} <= set(schemas)
    for _, path, operation in _operations(document):
        named = set(re.findall(r"{(\w+)}", path))
        declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == declared, path


async def test_every_operation_is_explained_in_chinese_and_english(shared: Api) -> None:
    for method, path, operation in _operations(await _document(shared)):
        for part in (operation["summary"], operation["description"], *operation["tags"]):
            assert CHINESE.search(part), (method, path, part)
            assert ENGLISH.search(part), (method, path, part)


async def test_operation_ids_follow_from_the_address_and_the_name_alone(shared: Api) -> None:
    """So that a generated client stays the same as long as its routes do."""
    operations = _operations(await _document(shared))
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    for _, path, operation in operations:
        words = re.findall(r"[A-Za-z0-9]+", path)
        stem = "".join(part.capitalize() for word in words for part in word.split("_"))
        assert operation["operationId"].startswith(stem), path


async def test_every_operation_declares_its_refusals_as_problem_documents(shared: Api) -> None:
    document = await _document(shared)
    for method, path, operation in _operations(document):
        refusals = {status: r for status, r in operation["responses"].items() if status >= "400"}
        assert "503" in refusals, path
        if "{" in path:
            assert "404" in refusals, path
        if "requestBody" in operation:
            assert {"400", "413", "422"} <= set(refusals), (method, path)
        if path == "/health":
            del refusals["503"]  # the same figures as when it is well
        for status, answer in refusals.items():
            ((media_type, content),) = answer["content"].items()
            assert media_type == "application/problem+json", (path, status)
            assert content["schema"]["$ref"].endswith("/Problem"), (path, status)
            assert CHINESE.search(answer["description"])
    assert {"code", "detail_zh", "detail_en", "request_id"} <= set(
        document["components"]["schemas"]["Problem"]["required"]
    )


async def test_the_main_bodies_come_with_an_example_that_works(shared: Api, unlimited: None) -> None:
    with_examples = set()
    for method, path, operation in _operations(await _document(shared)):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for example in content["schema"].get("examples", ()):
                with_examples.add((method, path))
                if path in ("/api/reports", "/api/reports/similar"):  # those below need a receipt of their own
                    answer = await shared.public.post(path, example)
                    assert answer.is_success, answer.text
    assert with_examples >= WITH_EXAMPLES


PAGES = ("/", "/check", "/check/{code}", "/icon.svg", "/m")


async def test_routes_are_not_forgotten(shared: Api) -> None:
    """What the application answers and what its document says are the same."""
    documented = {(method, path) for method, path, _ in _operations(await _document(shared))}
    answered = {
        (method.lower(), route.path_format)
        for route in shared.app.routes
        for method in getattr(route, "methods", ())
        if method not in ("OPTIONS", "HEAD") and not route.path.startswith(("/schema", "/assets", "/m/"))
    } - {("get", path) for path in PAGES}  # the web apps' own files are no part of the API
    assert documented == answered
    assert any(isinstance(plugin, Refusals) for plugin in shared.app.plugins)


def _nodes(node: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document with its place."""
    if isinstance(node, dict):
        yield at, node
        for name, part in node.items():
            yield from _nodes(part, f"{at}/{name}")
    elif isinstance(node, list):
        for n, part in enumerate(node):
            yield from _nodes(part, f"{at}/{n}")


async def test_closed_lists_have_names_and_stand_there_once(shared: Api) -> None:
    """So that a client in another language gets one type for each, and learns of a new value when it is generated."""
    document = await _document(shared)
    schemas = document["components"]["schemas"]
    assert schemas["Stage"]["enum"] == list(get_args(Stage)) == list(STAGES)
    for name, kind in NAMED.items():
        assert schemas[name]["enum"] == list(get_args(kind)), name
    lists = [(at, frozenset(node["enum"])) for at, node in _nodes(document) if isinstance(node.get("enum"), list)]
    assert len({values for _, values in lists}) == len(lists), lists
    for schema, part, list_ in (
        ("Case", "stage", "Stage"),
        ("Case", "priority", "Priority"),
        ("Case", "channel", "CaseChannel"),
        ("Report", "channel", "Channel"),
        ("Handling", "outcome", "Outcome"),
        ("Offer", "state", "OfferState"),
        ("ClockRow", "state", "ClockState"),
        ("Ask", "action", "ApprovalAction"),
        ("ReportStatus", "state", "PublicState"),
        ("Duty", "state", "DutyState"),
    ):
        assert schemas[schema]["properties"][part]["$ref"].endswith(f"/{list_}"), (schema, part)


async def test_shapes_are_those_that_are_decoded_and_encoded(shared: Api) -> None:
    """Limits, unknown fields, times, what may be empty; an answer has all its fields, always."""
    schemas = (await _document(shared))["components"]["schemas"]
    report, case, looks = schemas["Report"], schemas["Case"], schemas["Looks"]["properties"]
    assert report["required"] == ["place"]
    assert report["additionalProperties"] is False
    assert report["properties"]["occurred_at"]["anyOf"] == [{"type": "string", "format": "date-time"}, {"type": "null"}]
    assert looks["moving_deg"]["anyOf"] == [{"type": "number", "minimum": 0, "maximum": 360}, {"type": "null"}]
    assert looks["colours"]["items"] == {"type": "string", "maxLength": 40}
    assert case["required"] == list(case["properties"])
    assert case["properties"]["opened_at"] == {"type": "string", "format": "date-time"}
    assert {"type": "null"} in case["properties"]["team_id"]["anyOf"]
    assert "field" not in schemas["Problem"]["required"]


async def test_what_is_answered_has_a_name(shared: Api) -> None:
    """No answer is just an object: a generated client knows its fields."""
    for method, path, operation in _operations(await _document(shared)):
        for status, answer in operation["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                schema = content["schema"]
                named = schema.get("items", schema).get("$ref", "")
                assert named or not media_type.endswith("json"), (method, path, status)


async def test_pictures_and_figures_come_as_the_document_says(shared: Api) -> None:
    paths = (await _document(shared))["paths"]
    for path, media_type in (("/api/cases/{case_id}/photos/{photo_id}", "image/jpeg"), ("/metrics", "text/plain")):
        assert list(paths[path]["get"]["responses"]["200"]["content"]) == [media_type]


async def test_the_page_that_shows_the_document_loads_nothing_from_elsewhere(shared: Api) -> None:
    page = (await shared.public.get("/schema")).text
    loaded = re.findall(r"(?:src|href)=['\"]([^'\"]+)", page)
    assert len(loaded) >= 3
    assert [address for address in loaded if "://" in address] == []
    for address in loaded:
        assert (await shared.public.get(address)).status_code == 200, address
