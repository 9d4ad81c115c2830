"""Objects of S3 as one stream: s3fs asks for many blocks, and each request costs more than its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateDataError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from airflow_provider_fate.data.source import StreamReader
    from airflow_provider_fate.data.source.streamed import Body

_PIECE = 1024 * 1024


def s3_reader(storage: Any, bucket: str, key: str, etag: str, size: int) -> StreamReader:
    """Read an object from front to back.

    :param storage: an ``s3fs.S3FileSystem``, which has the credentials and the connections.
    :param etag: version of the object; another one is not read.
    :param size: its bytes.
    """
    import asyncio

    from aiohttp import ClientError as BrokenConnection
    from botocore.exceptions import BotoCoreError, ClientError

    from airflow_provider_fate.data.source import StreamReader

    class Answer:
        """The body of an answer; the next piece is on its way while one is read."""

        def __init__(self, body: Any) -> None:
            self._body = body
            self._here = b""
            self._next = self._ask()

        def _ask(self) -> Future[bytes]:
            return asyncio.run_coroutine_threadsafe(_piece(self._body), storage.loop)

        def read(self, size: int, /) -> bytes:
            if not self._here and (here := self._next.result()):
                self._here, self._next = here, self._ask()
            piece, self._here = self._here[:size], self._here[size:]
            return piece

        def close(self) -> None:
            self._next.cancel()
            storage.loop.call_soon_threadsafe(self._body.close)

    def open_at(position: int) -> Body:
        try:
            found = storage.call_s3("get_object", Bucket=bucket, Key=key, IfMatch=etag, Range=f"bytes={position}-")
        except (ClientError, FileNotFoundError) as error:
            code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else "NoSuchKey"
            if code in ("PreconditionFailed", "412", "NoSuchKey"):
                raise FateDataError(
                    f"s3://{bucket}/{key} was changed while it was read", hint="Write it under another name."
                ) from None
            raise
        return Answer(found["Body"])

    return StreamReader(open_at, size, (BotoCoreError, BrokenConnection, asyncio.TimeoutError))


async def _piece(body: Any) -> bytes:
    """Read 1 MiB, or what is left."""
    parts, left = [], _PIECE
    while left and (part := await body.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
