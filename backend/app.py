"""The web application: the only place that imports everything and puts it together.

`create_app` builds the API of one process: its office (city and database), its hub for the live feed, its group commit
for reports. Nothing here decides anything.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import structlog
from litestar import Litestar, Response, Router
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncConnection
from swagger_ui_bundle import swagger_ui_path

from backend import gate, in_force, metrics
from backend.access.actor import Actor
from backend.api_document import DocumentConfig, Refusals
from backend.body import JsonRequest
from backend.city import City, open_city
from backend.db import make_engine
from backend.dispatch import board
from backend.dispatch.circle_watch import Watch
from backend.dispatch.group_filing import Filing
from backend.dispatch.moving_up import MovingUp
from backend.errors import NotSignedIn
from backend.geo.gazetteer import Gazetteer
from backend.geo.tiles import Tiles
from backend.intake.photo_store import FolderStore, PhotoStore
from backend.intake.weather import Outlook
from backend.limits.limiter import Limiter
from backend.live.feed import Feed
from backend.live.hub import Hub
from backend.live.notices import Notices
from backend.live.nudge import Nudge
from backend.live.positions import Positions
from backend.live.wire import Wire
from backend.notify.offered import Offered
from backend.office import Office
from backend.patrol.tracks import Tracks
from backend.settings import Settings
from backend.steady import SteadyTime
from backend.stopping import Stopping
from backend.web import EXCEPTION_HANDLERS, phone_clock, who_asks
from mobile_api.dangers import dangers, promises
from mobile_api.devices import Devices, notice_received
from mobile_api.distress import call_for_help
from mobile_api.home_visits import HomeVisits
from mobile_api.officer import Offers, Officer, OnTheSpot
from mobile_api.reports import Reports
from mobile_api.sign_in import SecondFactor, SignInOut, feed_socket, feed_ticket
from mobile_api.sweeps import Sweeps
from mobile_api.visits import Visits
from ops.console.accounts import Accounts, Keys
from ops.console.approvals import Approvals
from ops.console.calls import ParkedCalls
from ops.console.campaign_report import CampaignReports
from ops.console.campaigns import Campaigns
from ops.console.cases import Cases, case_photo
from ops.console.city import CityNow
from ops.console.distress import Distress
from ops.console.documents import DOCUMENTS
from ops.console.facilities import Facilities
from ops.console.figures import FiguresNow
from ops.console.incidents import Incidents
from ops.console.log_search import log_search
from ops.console.looks import Looks
from ops.console.map import MapRoutes
from ops.console.people_statistics import PeopleCounted
from ops.console.persons import Persons
from ops.console.places import Places
from ops.console.policy import PolicyByHand
from ops.console.referrals import Referrals
from ops.console.replay import Replay
from ops.console.returnees import Returnees
from ops.console.shift import ShiftNotes
from ops.console.station import Stays, station_desk
from ops.console.stock import Stock
from ops.console.sweeps import SweepsSeen
from ops.console.teams import Shifts, Teams
from ops.console.verification import CallBacks, evidence
from ops.console.warnings import Warnings
from ops.console.ways import Ways
from ops.health import health, prometheus
from ops.pages import COMES_PACKED, pages

ROUTES: list[Any] = [
    *(Reports, dangers, promises, Officer, Offers, OnTheSpot, Visits, Sweeps),
    *(SignInOut, SecondFactor, feed_ticket, feed_socket),
    *(call_for_help, Distress),
    *(Cases, case_photo, Looks, Approvals, CityNow, MapRoutes, Places, Ways, Accounts, Keys, health, prometheus),
    *(Persons, Stays, station_desk, *DOCUMENTS, Returnees, HomeVisits, Incidents),
    *(Replay, FiguresNow, PeopleCounted, ShiftNotes, PolicyByHand),
    *(Devices, notice_received),
    *(
        evidence,
        CallBacks,
        ParkedCalls,
        Teams,
        Shifts,
        Facilities,
        Referrals,
        Warnings,
        Campaigns,
        CampaignReports,
        SweepsSeen,
        Stock,
        log_search,
    ),
]
LARGEST_BODY_BYTES = 1_000_000
PACKED_FROM_BYTES = 1_500
"""One packet of a network: below that nothing is won."""
PAGE_FILES = "/schema-page"
"""What the page at /schema loads: our own copy, since a government network reaches no content network."""

_log = structlog.get_logger("web")


class Parts:
    """What one process runs on, made once."""

    def __init__(self, settings: Settings, city: City) -> None:
        self.settings = settings
        self.engine = make_engine(settings.database_url)
        self.time = SteadyTime(self.engine, city.id)
        self.clock = settings.clock.by(self.time.now)
        self.wire = Wire(settings.redis_url)
        self.nudge = Nudge(city.id, self.wire)
        self.office = Office(city, self.engine, self.nudge, ring=settings.ring, signers=settings.signers)
        self.hub = Hub(self.office, self.nudge, self.clock)
        self.places = Positions(city.id, self.wire)
        self.places.on_news(self.hub.positions)
        self.notices = Notices(city.id, self.wire)
        self.notices.on_news(self.hub.notice)
        self.feed = Feed(self.hub, self._snapshot)
        self.filing = Filing(self.office)
        self.tracks = Tracks(self.office)
        self.outlook = Outlook(self.office)
        self.photos: PhotoStore = FolderStore(settings.data_folder / "photos", settings.ring)
        self.watch = Watch(self.office)
        self.moving_up = MovingUp(self.watch)
        self.tiles = Tiles(city.id)
        self.gazetteer = Gazetteer(city.roads, city.regions)
        self.limiter = Limiter(settings.redis_url, city.id)
        self.stopping = Stopping()

    async def _snapshot(self, tx: AsyncConnection, actor: Actor) -> dict[str, Any]:
        return await board.snapshot(tx, self.office, actor, self.clock.now())

    @asynccontextmanager
    async def running(self, _app: Litestar | None = None) -> AsyncIterator[None]:
        """From the first request to the last: the hub reads, the wire talks."""
        try:
            async with self.time, self.wire, self.hub:
                await in_force.follow(self.office)  # after the hub began to read, so that no change falls between
                yield
        finally:
            await self.filing.aclose()
            await self.tracks.aclose()
            await self.limiter.aclose()
            await self.engine.dispose()

    async def leave(self, within_s: float) -> None:
        """Every socket gets what is committed by now and is told to come again; requests go on being answered."""
        await self.hub.drain(within_s)


def create_app(settings: Settings, *, city: City | None = None) -> Litestar:
    """The API of one process. `city` when it has been read already, else from the settings' folder."""
    parts = Parts(settings, city or open_city(settings.city_folder))

    async def by(scope: Scope) -> Actor:
        token = gate.authorization_of(scope)
        try:
            actor = await who_asks(ASGIConnection[Any, Any, Any, State](scope), parts.office)
        except NotSignedIn:
            parts.limiter.forget(token or "")
            raise
        if token is not None:
            parts.limiter.know(token, actor)
        return actor

    def now() -> datetime:
        return parts.clock.now()

    given = {
        "office": parts.office,
        "filing": parts.filing,
        "tracks": parts.tracks,
        "outlook": parts.outlook,
        "hub": parts.hub,
        "feed": parts.feed,
        "wire": parts.wire,
        "places": parts.places,
        "photos": parts.photos,
        "watch": parts.watch,
        "moving_up": parts.moving_up,
        "tiles": parts.tiles,
        "gazetteer": parts.gazetteer,
        "limiter": parts.limiter,
        "stopping": parts.stopping,
        "steady": parts.time,
        "allowed_origins": settings.allowed_origins,
        "secret_key": settings.secret_key,
        "public_address": settings.public_address or "",
        "offered": Offered.of(settings),
    }
    dependencies = {name: Provide(_giving(part), sync_to_thread=False) for name, part in given.items()}
    dependencies |= {"by": Provide(by), "now": Provide(now, sync_to_thread=False)}
    dependencies["phone"] = Provide(phone_clock, sync_to_thread=False)
    document = _openapi()
    app = Litestar(
        route_handlers=[
            *ROUTES,
            create_static_files_router(path=PAGE_FILES, directories=[swagger_ui_path], name="schema-page"),
            *pages(settings.tls_folder),
        ],
        dependencies=dependencies,
        exception_handlers=EXCEPTION_HANDLERS,
        guards=[gate.look],
        lifespan=[parts.running],
        request_class=JsonRequest,
        request_max_body_size=LARGEST_BODY_BYTES,
        cors_config=CORSConfig(allow_origins=list(settings.allowed_origins)) if settings.allowed_origins else None,
        # Quick rather than small: it is done anew for each answer, and the phone's network is what is slow.
        compression_config=CompressionConfig(
            "gzip", minimum_size=PACKED_FROM_BYTES, gzip_compress_level=4, exclude_opt_key=COMES_PACKED
        ),
        openapi_config=document,
        logging_config=None,
        plugins=[Refusals(document.shapes)],
        state=State({"parts": parts}),
    )
    # Outermost, since middleware of the framework is not asked for an address that it does not know.
    app.asgi_handler = with_request_id(gate.Gate(app.asgi_handler, parts.limiter, parts.office), parts.stopping)
    return app


def _giving(part: object) -> Callable[[], object]:
    return lambda: part


def _not_found_as_everywhere(answer: Response[Any]) -> Response[Any]:
    """The framework has a page of its own for unknown addresses of the document."""
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise NotFoundException
    return answer


def _openapi() -> DocumentConfig:
    return DocumentConfig(
        title="救助圈 Rescue Circle",
        version="1",
        description=(
            "发现→受理→派遣→处置→核查→救助。所有时间带时区；坐标须注明坐标系（wgs84、gcj02、bd09），返回一律为 WGS-84。\n\n"
            "Report, accept, dispatch, handle, verify, close. All times carry a zone; coordinates come with their "
            "system and are returned in WGS-84. Errors are RFC 9457 problem documents with a stable `code`."
        ),
        use_handler_docstrings=True,
        openapi_router=Router(
            "/schema", route_handlers=[], include_in_schema=False, after_request=_not_found_as_everywhere
        ),
        render_plugins=[
            SwaggerRenderPlugin(
                js_url=f"{PAGE_FILES}/swagger-ui-bundle.js",
                css_url=f"{PAGE_FILES}/swagger-ui.css",
                standalone_preset_js_url=f"{PAGE_FILES}/swagger-ui-standalone-preset.js",
                favicon=f"<link rel='icon' href='{PAGE_FILES}/favicon-32x32.png'>",
            )
        ],
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
        security=[{}, {"bearer": []}],
    )


def with_request_id(app: ASGIApp, stopping: Stopping) -> ASGIApp:
    """Every request has an id, in the log and in the answer; what is counted is the route, never the address asked.

    Once the process is stopping its answers end their connections, so that nobody sends the next request into a closing door.
    """

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        request_id = uuid4().hex[:16]
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                goodbye = [(b"connection", b"close")] if stopping.is_on else []
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode()), *goodbye]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await app(scope, receive, send_with_id)
            finally:
                _count(scope, status, time.perf_counter() - began)

    return middleware


def _count(scope: HTTPScope, status: int, took_s: float) -> None:
    route = scope.get("path_template") or "unknown"
    metrics.REQUESTS.labels(route, scope["method"], str(status)).inc()
    metrics.REQUEST_S.labels(route).observe(took_s)
    if status >= 400 or took_s > 1.0:
        _log.info("request", route=route, method=scope["method"], status=status, ms=round(took_s * 1000, 1))
