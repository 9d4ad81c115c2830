"""Forward TCP connections from a port on all interfaces to one on loopback: python forward.py FROM TO.

For containers whose server listens on loopback only; this runs in another container that shares their network.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

CHUNK = 64 * 1024


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, and pass the end on."""
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()


async def serve(source: int, target: int, host: str = "0.0.0.0") -> asyncio.Server:  # noqa: S104 - its purpose
    """Listen on ``source`` and connect every caller with ``target``."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except OSError as error:
            print(f"port {target} is not reached: {error}", file=sys.stderr, flush=True)
            writer.close()
            return
        try:
            await asyncio.gather(pipe(reader, back), pipe(there, writer))
        finally:
            back.close()
            writer.close()

    return await asyncio.start_server(connect, host, source)


async def main(source: int, target: int) -> None:
    """Serve for ever."""
    async with await serve(source, target) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
