"""Objects of S3 as one stream, by boto3: s3fs asks for many blocks, and each request costs more than its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateDataError

if TYPE_CHECKING:
    from airflow_provider_fate.data.source import StreamReader
    from airflow_provider_fate.data.source.streamed import Body


def s3_reader(conn_id: str | None, bucket: str, key: str, etag: str, size: int) -> StreamReader:
    """Read an object from front to back.

    :param conn_id: Airflow connection; ``None``: what boto3 finds by itself.
    :param etag: version of the object; another one is not read.
    :param size: its bytes.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.exceptions import (
        ClientError,
        ConnectionError,
        HTTPClientError,
        IncompleteReadError,
        ReadTimeoutError,
        ResponseStreamingError,
    )

    from airflow_provider_fate.data.source import StreamReader

    client = S3Hook(aws_conn_id=conn_id).get_conn()

    def open_at(position: int) -> Body:
        try:
            found = client.get_object(Bucket=bucket, Key=key, IfMatch=etag, Range=f"bytes={position}-")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "412", "NoSuchKey"):
                raise FateDataError(
                    f"s3://{bucket}/{key} was changed while it was read", hint="Write it under another name."
                ) from None
            raise
        body: Body = found["Body"]
        return body

    broken = (ConnectionError, HTTPClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
    return StreamReader(open_at, size, broken)
