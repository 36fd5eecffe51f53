"""What holds the server against its own OpenAPI document: every answer is looked at, every operation is varied by schemathesis.

`Watched` looks at the answers of requests that people make (`good_requests`) and notes them; `vary` sends what schemathesis
makes of the document, with the good requests as its examples and with ids of things that exist.
"""

import copy
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import schemathesis
from schemathesis import Case, HookContext
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks as they

CHECKS = (
    they.status_code_conformance,
    they.content_type_conformance,
    they.response_headers_conformance,
    they.response_schema_conformance,
)
AnyCase = Case[Any]
SEED = 20160919


def config_of(base_url: str, *, examples: int) -> SchemathesisConfig:
    """The same cases every time. examples: how many are drawn at random for each operation, beside those that cover it."""
    named = [*CHECKS, they.negative_data_rejection]
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "base-url": base_url,
            "workers": 1,
            "continue-on-failure": True,
            "generation": {
                "deterministic": True,
                "database": "none",
                "no-shrink": True,
                "max-examples": max(1, examples),
            },
            "phases": {
                "examples": {"enabled": False},
                "coverage": {"unexpected-methods": ["put"], "extra-data-sources": {"responses": False}},
                "fuzzing": {
                    "enabled": examples > 0,
                    "operation-ordering": "none",
                    "extra-data-sources": {"responses": False},
                    "error-feedback": {"enabled": False},
                },
                "stateful": {"enabled": False},
            },
            "checks": {
                "enabled": False,
                **{check.__name__: {"enabled": True} for check in named},
                "not_a_server_error": {"enabled": True},
                "unsupported_method": {"enabled": True},
            },
        }
    )


@dataclass
class Good:
    """A request that succeeded."""

    ids: dict[str, str]
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class Watched:
    """What was asked and answered. reached: the operations that answered with 2xx; varied: those that did so to something
    that schemathesis made. ids: of things that exist, by parameter; stock: by operation. faults: where the document was not kept."""

    document: dict[str, Any]
    good: dict[str, Good] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    stock: dict[str, list[str]] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)
    varied: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self._schema = schemathesis.openapi.from_dict(
            copy.deepcopy(self.document), config=config_of("http://x", examples=0)
        )
        paths = sorted(self.document["paths"], key=lambda path: path.count("{"))
        self._paths = [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), path) for path in paths]

    def operations(self) -> set[str]:
        """`GET /api/board` and so on: all of the document."""
        return {
            f"{method.upper()} {path}"
            for path, item in self.document["paths"].items()
            for method in item
            if method in ("get", "post", "patch", "put", "delete")
        }

    async def look(self, answer: httpx.Response) -> None:
        """For `httpx.AsyncClient.event_hooks`: an answer to somebody."""
        await answer.aread()
        await answer.request.aread()
        request = answer.request
        for pattern, path in self._paths:
            found = pattern.fullmatch(request.url.path)
            if found is not None and request.method.lower() in self.document["paths"][path]:
                self._judge(answer, path, found.groupdict())
                if answer.is_success:
                    self._note(f"{request.method} {path}", found.groupdict(), request)
                return

    def _judge(self, answer: httpx.Response, path: str, ids: dict[str, str]) -> None:
        case = self._schema[path][answer.request.method].Case(path_parameters=ids)
        self.asked += 1
        try:
            case.validate_response(answer, checks=list(CHECKS))
        except FailureGroup as faults:
            self.faults += [f"{answer.request.method} {path}: {fault}" for fault in faults.exceptions]

    def _note(self, label: str, ids: dict[str, str], request: httpx.Request) -> None:
        self.reached.add(label)
        is_json = request.headers.get("content-type") == "application/json" and request.content
        headers = {name: request.headers[name] for name in ("authorization",) if name in request.headers}
        body = json.loads(request.content) if is_json else None
        self.good.setdefault(label, Good(ids, dict(request.url.params), body, headers))
        for name, id_ in ids.items():
            if id_ not in self.ids[name]:
                self.ids[name].append(id_)


def with_examples(watched: Watched) -> dict[str, Any]:
    """The document with the good requests as examples, so that what schemathesis makes of it is nearly right."""
    document = copy.deepcopy(watched.document)
    for label, good in watched.good.items():
        method, path = label.split(" ")
        operation = document["paths"][path][method.lower()]
        for parameter in operation.get("parameters", ()):
            given = {**good.query, **good.ids}.get(parameter["name"])
            if given is not None and parameter["in"] == "path":
                parameter["example"] = given
        if good.body is not None and "requestBody" in operation:
            operation["requestBody"]["content"]["application/json"]["example"] = good.body
    return document


@dataclass
class Asking:
    """Who asks. headers: of an operation. every: of the cases that cover an operation, one in so many is sent."""

    name: str
    headers: Callable[[str], dict[str, str]]
    every: int = 1
    examples: int = 0


def vary(watched: Watched, base_url: str, who: Asking) -> None:
    """Sends everything that schemathesis makes of the document as somebody. Blocks: to be run in a thread."""
    config = config_of(base_url, examples=who.examples)
    schema = schemathesis.openapi.from_dict(with_examples(watched), config=config)
    _hook(schema, watched, who)
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _take(watched, who, event.recorder)
        elif isinstance(event, (events.NonFatalError, events.FatalError)):
            watched.faults.append(f"{who.name}: schemathesis: {event!r}")


def _hook(schema: BaseSchema, watched: Watched, who: Asking) -> None:
    turns: dict[str, int] = defaultdict(int)

    def filter_case(context: HookContext, case: AnyCase) -> bool:
        if case.meta is None or case.meta.phase.name.value != "coverage":
            return True
        turns[case.operation.label] += 1
        return turns[case.operation.label] % who.every == 0

    def map_case(context: HookContext, case: AnyCase) -> AnyCase:
        case.headers.update(who.headers(case.operation.label))
        for name, value in case.path_parameters.items():
            known = watched.stock.get(case.operation.label) or watched.ids.get(name, [])
            if known and _is_id(value):
                turns[name] += 1
                case.path_parameters[name] = known[turns[name] % len(known)]
        return case

    schema.hook(filter_case)
    schema.hook(map_case)


def _is_id(value: Any) -> bool:
    """A UUID, a receipt or a cell, which something that exists may stand for."""
    return (
        isinstance(value, str)
        and re.fullmatch(r"[0-9A-Fa-f-]{36}|[2-9A-Z]{4}(-[2-9A-Z]{4}){2}|[0-9a-f]{15}", value) is not None
    )


def _take(watched: Watched, who: Asking, recorder: ScenarioRecorder) -> None:
    for case_id, interaction in recorder.interactions.items():
        watched.asked += 1
        if interaction.response is not None and interaction.response.status_code < 300:
            watched.varied.add(recorder.label)
        for fault in _faults(recorder, case_id):
            if len(watched.faults) < 1_000:
                told = _told(interaction.response)
                watched.faults.append(
                    f"{who.name}: {fault}\n    {interaction.request.method} {interaction.request.uri}\n    {told}"
                )


def _faults(recorder: ScenarioRecorder, case_id: str) -> Iterator[str]:
    for check in recorder.checks.get(case_id, ()):
        if check.status != Status.SUCCESS and check.failure_info is not None:
            yield f"{recorder.label} {check.name}: {check.failure_info.failure} {check.failure_info.code_sample[:1500]}"


def _told(answer: Response | None) -> str:
    return "no answer" if answer is None else f"{answer.status_code} {answer.content[:400].decode(errors='replace')}"
