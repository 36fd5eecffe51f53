"""`rescue serve` and `rescue worker`: the two kinds of process. Any number of each, over one database and one Redis.

Both take their settings from RESCUE_* (`rescue settings` lists them), completed by the embedded services of this
checkout when those run.
"""

import asyncio
import os
import signal
from uuid import UUID

import uvicorn

from backend.access import keys
from backend.app import create_app
from backend.city import City, open_city
from backend.clock import SystemClock
from backend.db import make_engine
from backend.geo.warm import warm_up
from backend.live.nudge import Nudge
from backend.live.wire import Wire
from backend.logs import configure_logs
from backend.notify.deliver import Senders, keep_delivering
from backend.notify.webhook import Target, WebhookSender
from backend.office import Office
from backend.settings import Settings
from backend.worker import Worker
from ops.local import services

GRACE_S = 10


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
    settings = settings_here()
    configure_logs(settings.log_level)
    city = _city(settings)
    config = uvicorn.Config(
        create_app(settings, city=city),
        host=host or settings.host,
        port=port or settings.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        log_config=None,
        access_log=False,
        ws_max_size=64 * 1024,
        timeout_graceful_shutdown=GRACE_S,
    )
    uvicorn.Server(config).run()


def worker() -> None:
    """启动后台进程：派遣、时限、升级、对外通知。Run a worker: searches, clocks, escalation and the outbox."""
    settings = settings_here()
    configure_logs(settings.log_level)
    asyncio.run(run_worker(settings))


async def run_worker(settings: Settings) -> None:
    """One worker until SIGTERM or SIGINT: the work in hand is finished, what is due later is another's."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    city = _city(settings)
    engine = make_engine(settings.database_url)
    async with Wire(settings.redis_url) as wire:
        nudge = Nudge(city.id, wire)
        office = Office(city, engine, nudge)
        senders: Senders = {"webhook": webhook_sender(office, settings)}
        duties = [
            asyncio.create_task(Worker(office, settings.clock).run(nudge.listener()), name="worker"),
            asyncio.create_task(keep_delivering(office, senders, SystemClock(), nudge.listener), name="outbox"),
        ]
        await stopped.wait()
        for duty in duties:
            duty.cancel()
        await asyncio.gather(*duties, return_exceptions=True)
    await engine.dispose()


def _city(settings: Settings) -> City:
    """The city, its road searches compiled: the first report must not wait for that (seconds, once per machine)."""
    city = open_city(settings.city_folder)
    if city.roads is not None:
        warm_up(city.roads)
    return city


def webhook_sender(office: Office, settings: Settings) -> WebhookSender:
    """The way to partners: each message goes to the address its key names, signed with that key's secret."""

    async def find(key_id: str) -> Target | None:
        webhook = await keys.find_webhook(office, UUID(key_id), secret_key=settings.secret_key)
        return Target(webhook.url, webhook.secret) if webhook else None

    return WebhookSender(find, allowed_networks=settings.webhook_networks)
