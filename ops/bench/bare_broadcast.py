"""The reference of `fanout`: bare `websockets`, telling every socket each line that comes in, and nothing else."""

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

LONGEST_LINE_BYTES = 2**20


async def tell(port: int) -> None:
    """Each line of the standard input to everybody, until it ends."""
    sockets: set[ServerConnection] = set()

    async def keep(socket: ServerConnection) -> None:
        sockets.add(socket)
        await socket.wait_closed()

    reader = asyncio.StreamReader(limit=LONGEST_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    async with serve(keep, "127.0.0.1", port, compression=None, backlog=1024):
        while line := await reader.readline():
            broadcast(sockets, line.decode().rstrip("\n"))
            await asyncio.sleep(0)


if __name__ == "__main__":
    uvloop.run(tell(int(sys.argv[1])))
