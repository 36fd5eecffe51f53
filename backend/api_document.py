"""The OpenAPI document tells of refusals as well: which statuses each route may answer with a problem document.

They follow from what a route takes (a body, an id in its address, a signed-in person), so that no route has to list them.
"""

from collections.abc import Mapping
from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import ParameterKwarg
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.typing import FieldDefinition

from backend.gate import NEVER_LIMITED
from backend.web import PROBLEM, Problem

OPEN_TO_ALL: Final = frozenset({"/health", "/metrics", "/api/regions"})
"""Routes that never ask who one is."""

_WORDS: Final[dict[int, str]] = {
    400: "请求无法读取。 The request cannot be read.",
    401: "未登录，或登录已失效。 Not signed in, or the session has ended.",
    403: "角色没有这项权限。 The role does not have the permission.",
    404: "没有，或不在您的范围内。 It does not exist, or is not yours to see.",
    409: "情况已变，或环节不允许。 Another was faster, or the stage does not allow it.",
    413: "内容太大。 Too large.",
    422: "内容有误；`faults` 逐项说明。 Malformed or against a rule; `faults` names each field.",
    429: "过于频繁；`Retry-After` 说明等多久。 Too many; `Retry-After` says for how long to wait.",
    503: "暂时不可用，未作任何改动，可重发。 Down for now; nothing was done, it may be sent again.",
}


class Refusals(ReceiveRoutePlugin):
    """Writes them to every route as it is registered."""

    def receive_route(self, route: BaseRoute) -> None:
        if not isinstance(route, HTTPRoute):
            return
        for handler in route.route_handlers:
            if handler.include_in_schema is not False:
                specs = {status: _spec(_WORDS[status]) for status in statuses(route, handler)}
                handler.responses = {**specs, **(handler.responses or {})}


def statuses(route: HTTPRoute, handler: HTTPRouteHandler) -> list[int]:
    """What this route may refuse with."""
    fields = handler.parsed_fn_signature.parameters
    found = {503}
    if route.path_format not in OPEN_TO_ALL:
        found |= {401, 403}
    if "data" in fields:
        found |= {400, 413, 422}
    if _takes_parameters(fields) or route.path_parameters:
        found |= {400, 422}
    if route.path_parameters:
        found |= {404}
    if handler.http_methods & {"POST", "PATCH", "DELETE"}:
        found |= {409}
    if route.path_format not in NEVER_LIMITED:
        found |= {429}
    return sorted(found)


def _takes_parameters(fields: Mapping[str, FieldDefinition]) -> bool:
    return any(isinstance(field.kwarg_definition, ParameterKwarg) for field in fields.values())


def _spec(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, generate_examples=False, description=description, media_type=PROBLEM)
