"""`rescue serve` and `rescue worker`: the two kinds of process. Any number of each, over one database and one Redis.

Both take their settings from RESCUE_* (`rescue settings` lists them), completed by the embedded services of this
checkout when those run.
"""

import asyncio
import os
import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import structlog
import uvicorn
from litestar import Litestar
from prometheus_client import start_http_server

from backend import anchors, in_force, metrics, retention
from backend.app import Parts, create_app
from backend.campaign.polling import keep_looking
from backend.city import City, open_city
from backend.clock import Clock, SystemClock
from backend.db import make_engine
from backend.dispatch.ladder import Ways
from backend.geo.warm import warm_up
from backend.heap import settle
from backend.intake.photo_store import FolderStore
from backend.live.notices import Notices
from backend.live.nudge import Nudge
from backend.live.wire import Wire, cancel
from backend.notify.deliver import keep_delivering
from backend.office import Office
from backend.settings import Settings
from backend.steady import SteadyTime
from backend.stopping import Stopping
from backend.worker import Worker
from ops import start
from ops.local import services, tls
from ops.senders import senders_of
from ops.socket_protocol import SocketProtocol

_log = structlog.get_logger("serve")


def settings_here() -> Settings:
    """The settings of this process. Raises Invalid naming every variable that is wrong."""
    return Settings.from_environment(services.environment(services.folder_of_checkout(), os.environ))


def serve(*, port: int | None = None, host: str | None = None) -> None:
    """启动接口服务。Serve the API and the live feed until stopped.

    Parameters
    ----------
    port: 端口，默认取 RESCUE_PORT。Instead of RESCUE_PORT.
    host: 监听地址，默认取 RESCUE_HOST。Instead of RESCUE_HOST.
    """
    settings = start.demand(start.FOR_A_SERVER, host=host, port=port)
    app = create_app(settings, city=_city(settings))
    settle()
    Server(server_config(app, settings), app.state["parts"]).run()


def server_config(app: Litestar, settings: Settings) -> uvicorn.Config:
    """How the API is served. Who asks is who the connection comes from, or whom a proxy that is trusted says it comes from."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws=SocketProtocol,
        log_config=None,
        access_log=False,
        ws_max_size=64 * 1024,
        backlog=1024,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        timeout_graceful_shutdown=settings.stop_within_s,
        ssl_certfile=settings.tls_folder / tls.CERTIFICATE if settings.tls_folder else None,
        ssl_keyfile=settings.tls_folder / tls.KEY if settings.tls_folder else None,
    )


class Server(uvicorn.Server):
    """uvicorn, ended in this order: say so, refuse new connections, empty the sockets, answer what was asked, end.

    A second signal ends it at once.
    """

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self.parts = parts
        self._leaving: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Ours, so that an orderly end is an exit code of 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def end(self) -> None:
        """Begins to stop; called again, stops now."""
        if self._leaving is not None or not self.started:
            self.force_exit = self._leaving is not None
            self.should_exit = True
            return
        self._leaving = asyncio.create_task(self._leave(), name="leaving")

    async def _leave(self) -> None:
        settings = self.parts.settings
        self.parts.stopping.begin()
        metrics.STOPPING.set(1)
        _log.info("stopping", notice_s=settings.stop_notice_s, within_s=settings.stop_within_s)
        await asyncio.sleep(settings.stop_notice_s)
        for server in self.servers:
            server.close()
        await self.parts.leave(settings.stop_within_s / 2)
        self.should_exit = True


def worker() -> None:
    """启动后台进程：派遣、时限、升级、对外通知。Run a worker: searches, clocks, escalation and the outbox."""
    asyncio.run(run_worker(start.demand(start.FOR_A_WORKER)))


async def run_worker(settings: Settings) -> None:
    """One worker until SIGTERM or SIGINT: what is in hand is finished, what is due later is another's.

    A second signal, or the end of the time for it, breaks off what is in hand: it is rolled back and done by another.
    """
    stopping, at_once = Stopping(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end, stopping, at_once)
    city = _city(settings)
    settle()
    engine = make_engine(settings.database_url)
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port, addr=settings.host)
    wire = Wire(settings.redis_url)
    nudge = Nudge(city.id, wire)
    async with SteadyTime(engine, city.id) as time, wire:
        clock = settings.clock.by(time.now)
        office = Office(city, engine, nudge, ring=settings.ring, signers=settings.signers)
        await in_force.follow(office)
        senders = senders_of(office, settings)
        told = Notices(city.id, wire)
        ways = Ways(senders=frozenset(senders), live=told.tell, machine_now=SystemClock().now)
        duties = [
            asyncio.create_task(Worker(office, clock, stopping, ways=ways).run(nudge.listener()), name="worker"),
            asyncio.create_task(
                keep_delivering(office, senders, SystemClock(), nudge.listener, stopping), name="outbox"
            ),
            asyncio.create_task(keep_looking(office, settings.warning_sources, clock, stopping), name="warnings"),
            asyncio.create_task(_anchoring(office, settings, clock, stopping), name="anchors"),
            asyncio.create_task(
                retention.keep_removing(office, photo_store(settings), clock, stopping), name="retention"
            ),
        ]
        await _until_done(duties, stopping, at_once, settings.stop_within_s)
    await engine.dispose()


def photo_store(settings: Settings) -> FolderStore:
    """Where this installation's photos lie."""
    return FolderStore(settings.data_folder / "photos", settings.ring)


async def _anchoring(office: Office, settings: Settings, clock: Clock, stopping: Stopping) -> None:
    file = anchors.file_of(settings.data_folder, office.city_id)
    await anchors.keep_anchoring(office, file, stopping, secret_key=settings.secret_key, now=clock.now)


def _end(stopping: Stopping, at_once: asyncio.Event) -> None:
    if stopping.is_on:
        at_once.set()
    metrics.STOPPING.set(1)
    stopping.begin()


async def _until_done(
    duties: Sequence[asyncio.Task[None]], stopping: Stopping, at_once: asyncio.Event, within_s: float
) -> None:
    """Until stopping, and then until the duties have ended, or may not take longer. Raises what a duty died of."""
    asked = asyncio.create_task(stopping.wait(), name="asked")
    await asyncio.wait([asked, *duties], return_when=asyncio.FIRST_COMPLETED)
    stopping.begin()  # one duty that died takes the others along: whoever started us starts us again
    hurry = asyncio.create_task(at_once.wait(), name="hurry")
    ended = asyncio.create_task(asyncio.wait(duties), name="ended")
    await asyncio.wait([ended, hurry], timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    await cancel([*duties, asked, hurry, ended])
    for duty in duties:
        if not duty.cancelled():
            duty.result()


def _city(settings: Settings) -> City:
    """The city, its road searches compiled: the first report must not wait for that (seconds, once per machine)."""
    city = open_city(settings.city_folder)
    if city.roads is not None:
        warm_up(city.roads)
    return city
