"""The application behind a real uvicorn on a free port of this machine, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager

import httpx
import uvicorn

from backend.app import create_app
from backend.city import City
from backend.settings import Settings
from ops.socket_protocol import SocketProtocol
from tests.api.builders import Api


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are pytest's."""
        yield


@asynccontextmanager
async def serving(settings: Settings, city: City) -> AsyncIterator[Api]:
    """The application with its lifespan, served as `rescue serve` does it, and a client that speaks to it."""
    app = create_app(settings, city=city)
    # The protocol is named because asyncio sends at once (TCP_NODELAY) only where it is: 40 ms a request otherwise.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws=SocketProtocol,
            lifespan="on",
            log_config=None,
            access_log=False,
            ws_max_size=64 * 1024,
            timeout_graceful_shutdown=2,
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
        try:
            while not server.started:
                if running.done():
                    await running
                    raise AssertionError("the server did not start")
                await asyncio.sleep(0.005)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
                yield Api(app=app, http=http, port=port)
        finally:
            server.should_exit = True
            await running
