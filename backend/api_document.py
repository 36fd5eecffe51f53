"""The OpenAPI document: what the framework writes, made exact enough to be generated from.

`Refusals` tells of refusals as well: which statuses each route may answer with a problem document. They follow from what
a route takes (a body, an id in its address, a signed-in person), so that no route has to list them.

`Document` takes the shapes of bodies and answers from msgspec, which is what decodes and encodes them: limits, closed
lists, fields that do not belong, times. A closed list has a name of its own (`NAMED`); an answer always has all its fields.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, get_args

import msgspec
from litestar import Response
from litestar.enums import RequestEncodingType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPI
from litestar.params import ParameterKwarg
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.typing import FieldDefinition
from msgspec import inspect

from backend.campaign.plan import SeasonName
from backend.campaign.records import Cause, CloseReason, PointState
from backend.campaign.records import State as CampaignState
from backend.campaign.report_numbers import Group as NumberGroup
from backend.campaign.sweep_records import CellState
from backend.dispatch.asking import PublicState
from backend.dispatch.board import Mode
from backend.dispatch.case_photos import CasePhotoKind
from backend.dispatch.clocks import ClockKind
from backend.dispatch.lifecycle import Stage
from backend.dispatch.protection.handling import Outcome, Suspicion, Vulnerable
from backend.dispatch.records import (
    ApprovalAction,
    ApprovalState,
    CaseChannel,
    ClockRowState,
    IncidentCause,
    IncidentKind,
    IncidentOwes,
    IncidentState,
    MoveCause,
    OfferState,
    RecipientState,
    ReferralFrom,
    ReferralState,
    ReferralTo,
    SuggestionState,
)
from backend.dispatch.statistics import Bucket
from backend.gate import NEVER_LIMITED
from backend.intake.looks import AgeBand, Posture, Sex
from backend.intake.report import Channel
from backend.patrol.duty import DutyState
from backend.patrol.team_changes import Organisation, ShiftPattern
from backend.policy import Colour, Danger, Hazard, Priority, Role, Unit
from backend.policy.plans import Cover
from backend.referral.asked import Consent, ConsentGround
from backend.referral.facilities.facility import FacilityKind, Level
from backend.referral.facilities.takes import Group, Need, PlaceKind
from backend.referral.forms.document import FormKind, OfAStay
from backend.referral.forms.no_help import NoHelpGround
from backend.referral.home.returnee import EndReason, HomeNeed, ReturneeState, VisitOutcome, VisitState
from backend.referral.people.person import (
    BodyPart,
    DocumentKind,
    IdentitySource,
    MarkKind,
    SamenessState,
    Vulnerability,
)
from backend.referral.privacy.statistics import Hidden
from backend.referral.privacy.subject import AccessReason, GivenTo
from backend.referral.station.deadlines import How, StayClockKind
from backend.referral.station.stay import Came, EndGround, NoConsentGround, StayClockState, StayState, Wish
from backend.web import PROBLEM, Problem

OPEN_TO_ALL: Final = frozenset(
    {"/health", "/metrics", "/api/regions", "/api/map", "/api/map/tiles/{z}/{x}/{y}", "/api/places/at", "/api/dangers"}
)
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


NAME_THINGS: Final = frozenset(
    {
        *("/api/referrals", "/api/facilities/fitting", "/api/station", "/api/stays"),
        *("/api/persons", "/api/persons/families", "/api/returnees", "/api/incidents"),
    }
)
"""Routes whose query or body names a case, a person or a facility that may not be there."""
BY_STAGE: Final = frozenset(f"/api/campaigns/{{campaign_id}}/report{form}" for form in ("", ".pdf", ".xlsx"))
"""Routes that read, and can do so only from some stage on."""
NAMED: Final[Mapping[str, Any]] = {
    "AccessReason": AccessReason,
    "AgeBand": AgeBand,
    "ApprovalAction": ApprovalAction,
    "ApprovalState": ApprovalState,
    "BodyPart": BodyPart,
    "Bucket": Bucket,
    "Came": Came,
    "CampaignCause": Cause,
    "CampaignState": CampaignState,
    "CaseChannel": CaseChannel,
    "CasePhotoKind": CasePhotoKind,
    "CellState": CellState,
    "Channel": Channel,
    "ClockKind": ClockKind,
    "ClockState": ClockRowState,
    "CloseReason": CloseReason,
    "Colour": Colour,
    "Consent": Consent,
    "ConsentGround": ConsentGround,
    "Cover": Cover,
    "Danger": Danger,
    "DocumentKind": DocumentKind,
    "DutyState": DutyState,
    "EndGround": EndGround,
    "EndReason": EndReason,
    "FacilityKind": FacilityKind,
    "FacilityLevel": Level,
    "FormKind": FormKind,
    "GivenTo": GivenTo,
    "Hazard": Hazard,
    "Hidden": Hidden,
    "HomeNeed": HomeNeed,
    "HomeVisitState": VisitState,
    "HowLeft": How,
    "IdentitySource": IdentitySource,
    "IncidentCause": IncidentCause,
    "IncidentKind": IncidentKind,
    "IncidentOwes": IncidentOwes,
    "IncidentState": IncidentState,
    "MarkKind": MarkKind,
    "Mode": Mode,
    "MoveCause": MoveCause,
    "Need": Need,
    "NoConsentGround": NoConsentGround,
    "NoHelpGround": NoHelpGround,
    "NumberGroup": NumberGroup,
    "OfferState": OfferState,
    "Organisation": Organisation,
    "Outcome": Outcome,
    "PlaceKind": PlaceKind,
    "PointState": PointState,
    "Posture": Posture,
    "Priority": Priority,
    "RecipientState": RecipientState,
    "PublicState": PublicState,
    "ReferralFrom": ReferralFrom,
    "ReferralState": ReferralState,
    "ReferralTo": ReferralTo,
    "ReturneeState": ReturneeState,
    "Role": Role,
    "SamenessState": SamenessState,
    "SeasonName": SeasonName,
    "Sex": Sex,
    "ShiftPattern": ShiftPattern,
    "Stage": Stage,
    "StayClockKind": StayClockKind,
    "StayClockState": StayClockState,
    "StayForm": OfAStay,
    "StayState": StayState,
    "SuggestionState": SuggestionState,
    "Suspicion": Suspicion,
    "TakenGroup": Group,
    "Unit": Unit,
    "VisitOutcome": VisitOutcome,
    "Vulnerability": Vulnerability,
    "Vulnerable": Vulnerable,
    "WishOnArrival": Wish,
}
"""Closed lists by the names they have in the document, in the order they have in the code."""
_REF: Final = "#/components/schemas/"


@dataclass
class Shapes:
    """What routes take and what they answer, gathered as they are registered."""

    taken: list[Any] = field(default_factory=list)
    answered: list[Any] = field(default_factory=lambda: [Problem])


class Refusals(ReceiveRoutePlugin):
    """Writes the refusals to every route as it is registered, and notes the shapes."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def receive_route(self, route: BaseRoute) -> None:
        if not isinstance(route, HTTPRoute):
            return
        for handler in route.route_handlers:
            if handler.resolve_include_in_schema():
                specs = {status: _spec(_WORDS[status]) for status in statuses(route, handler)}
                handler.responses = {**specs, **(handler.responses or {})}
                self._note(handler)

    def _note(self, handler: HTTPRouteHandler) -> None:
        body = handler.parsed_fn_signature.parameters.get("data")
        if body is not None and _media_type(body) != RequestEncodingType.MULTI_PART:
            self._shapes.taken.append(body.annotation)
        answer = handler.parsed_fn_signature.return_type
        kinds = answer.inner_types if answer.is_subclass_of(Response) else (answer,)
        self._shapes.answered += [kind.annotation for kind in kinds if kind.annotation not in (type(None), bytes)]


@dataclass
class DocumentConfig(OpenAPIConfig):
    """The framework's settings of the document, and the shapes that are put into it."""

    shapes: Shapes = field(default_factory=Shapes)

    def to_openapi_schema(self) -> OpenAPI:
        """The document without its paths."""
        plain = super().to_openapi_schema()
        return Document(**{one.name: getattr(plain, one.name) for one in fields(OpenAPI)}, shapes=self.shapes)


@dataclass
class Document(OpenAPI):
    """The document of the framework with msgspec's shapes."""

    shapes: Shapes = field(default_factory=Shapes)

    @property
    def _exclude_fields(self) -> set[str]:
        return {"shapes"}

    def to_schema(self) -> dict[str, Any]:
        """The whole document as JSON."""
        found = super().to_schema()
        schemas = found["components"]["schemas"]
        for name, shape in _exact(self.shapes).items():
            examples = schemas.get(name, {}).get("examples")
            schemas[name] = {**shape, "examples": examples} if examples else shape
        used: dict[str, Any] = {}
        document: dict[str, Any] = _with_named_lists(found, used)
        assert not used.keys() & document["components"]["schemas"].keys(), "a closed list has the name of a shape"
        schemas = {**document["components"]["schemas"], **used}
        document["components"]["schemas"] = dict(sorted(schemas.items()))
        return document


def _exact(shapes: Shapes) -> dict[str, Any]:
    """The schemas of all shapes by name, as msgspec decodes and encodes them."""
    everything = [*shapes.taken, *shapes.answered]
    refs, schemas = msgspec.json.schema_components(everything, ref_template=_REF + "{name}")
    taken = _reachable(list(refs[: len(shapes.taken)]), schemas)
    for struct in _structs(inspect.multi_type_info(everything)):
        shape = schemas[struct.cls.__name__]
        if "properties" not in shape:
            continue  # told as an array
        for one in struct.fields:
            _mark_times(one.type, shape["properties"][one.encode_name])
        if struct.cls.__name__ not in taken and not struct.cls.__struct_config__.omit_defaults:
            shape["required"] = list(shape["properties"])
    return schemas


def _reachable(node: Any, schemas: Mapping[str, Any]) -> set[str]:
    """The names of the schemas that are referred to from here, however far."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if isinstance(at, dict):
            name = str(at.get("$ref", "")).removeprefix(_REF)
            if name and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting += at.values()
        elif isinstance(at, list):
            waiting += at
    return found


def _structs(kinds: Any) -> Iterator[inspect.StructType]:
    """Every struct in these types, each once."""
    seen: set[type] = set()
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, inspect.StructType):
            if kind.cls not in seen:
                seen.add(kind.cls)
                waiting += [one.type for one in kind.fields]
                yield kind
        else:
            waiting += _inside(kind)


def _inside(kind: inspect.Type) -> list[inspect.Type]:
    """The types that a union or a container is made of."""
    parts = [getattr(kind, name, None) for name in ("item_type", "key_type", "value_type", "type")]
    more = [part for name in ("types", "item_types") for part in getattr(kind, name, ())]
    return [part for part in [*parts, *more] if isinstance(part, inspect.Type)]


def _mark_times(kind: inspect.Type, shape: dict[str, Any]) -> None:
    """msgspec calls a time a string. The zone is asked for in words of our own."""
    if isinstance(kind, inspect.DateTimeType):
        shape["format"] = "date-time"
    elif isinstance(kind, inspect.UnionType):
        times = [one for one in kind.types if isinstance(one, inspect.DateTimeType)]
        for option in shape.get("anyOf", ()):
            if times and option == {"type": "string"}:
                option["format"] = "date-time"
    elif isinstance(kind, inspect.CollectionType):
        _mark_times(kind.item_type, shape.get("items", {}))


def _with_named_lists(node: Any, used: dict[str, Any]) -> Any:
    """The document with each closed list told once, by its name; `used` gets those that occur."""
    if isinstance(node, list):
        return [_with_named_lists(one, used) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: _with_named_lists(value, used) for key, value in node.items()}
    values = node.get("enum")
    if not isinstance(values, list):
        return node
    name = _LISTS.get(frozenset(one for one in values if one is not None))
    if name is None:
        return {"type": "string", **node} if all(isinstance(one, str) for one in values) else node
    used[name] = {"type": "string", "enum": list(get_args(NAMED[name])), "title": name}
    rest = {key: value for key, value in node.items() if key not in ("type", "enum")}
    told = {"$ref": _REF + name}
    return {**rest, "oneOf": [told, {"type": "null"}]} if None in values else {**rest, **told}


_LISTS: Final = {frozenset(get_args(kind)): name for name, kind in NAMED.items()}


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
    if route.path_parameters or route.path_format in NAME_THINGS:
        found |= {404}
    if handler.http_methods & {"POST", "PATCH", "DELETE"} or route.path_format in BY_STAGE:
        found |= {409}
    if route.path_format not in NEVER_LIMITED:
        found |= {429}
    return sorted(found)


def _takes_parameters(fields: Mapping[str, FieldDefinition]) -> bool:
    return any(isinstance(field.kwarg_definition, ParameterKwarg) for field in fields.values())


def _media_type(body: FieldDefinition) -> RequestEncodingType | str | None:
    return getattr(body.kwarg_definition, "media_type", None)


def _spec(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, generate_examples=False, description=description, media_type=PROBLEM)
