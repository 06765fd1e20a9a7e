"""A TCP proxy that spreads connections over a service's replicas: python proxy.py PORT=SERVICE:PORT ...

Compose publishes a port of one container only; with this in front every service scales. Ours, and not nginx, because
nginx resolves a name once: replicas that come later would get nothing.
"""

import asyncio
import itertools
import sys

RESOLVE_SECONDS = 2.0


class Upstream:
    """The addresses a name has now."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._addresses: list[str] = []
        self._resolved_at = float("-inf")
        self._turn = itertools.count()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the next replica that answers."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._resolved_at > RESOLVE_SECONDS or not self._addresses:
            found = await loop.getaddrinfo(self.host, self.port, proto=6)
            self._addresses = sorted({str(one[4][0]) for one in found})
            self._resolved_at = loop.time()
        for _ in range(len(self._addresses)):
            address = self._addresses[next(self._turn) % len(self._addresses)]
            try:
                return await asyncio.wait_for(asyncio.open_connection(address, self.port), 2)
            except (OSError, TimeoutError):
                continue
        raise ConnectionError(f"no replica of {self.host} answers")


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def serve(listen: int, upstream: Upstream) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await upstream.connect()
            await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))
            inner_writer.close()
        except OSError as error:
            print(error, file=sys.stderr, flush=True)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "0.0.0.0", listen)  # noqa: S104  inside a container
    async with server:
        await server.serve_forever()


async def main(arguments: list[str]) -> None:
    routes = []
    for argument in arguments:
        listen, _, target = argument.partition("=")
        host, _, port = target.partition(":")
        routes.append(serve(int(listen), Upstream(host, int(port))))
    await asyncio.gather(*routes)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
