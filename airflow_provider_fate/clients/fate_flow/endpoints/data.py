"""``flow.data``: files to tables, and tables to files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Reply,
    Request,
    Sink,
    Source,
    Target,
    Transport,
    Upload,
    endpoint,
    get,
    post,
    without_none,
)
from airflow_provider_fate.errors import FateInvalidParameterError

from ..models import StartedDownload, StartedUpload, TableRef, UploadMeta
from ..names import check_name

__all__ = ["DataGroup"]


class DataGroup(Group[Transport]):
    """Data. Uploads are local jobs (role ``local``, party ``0``): follow them with ``job.query``."""

    @endpoint
    def upload_file(
        self,
        file: Source,
        *,
        namespace: str,
        name: str,
        meta: UploadMeta,
        head: bool = True,
        partitions: int = 4,
        extend_sid: bool | None = None,
        mark: Callable[[], str] | None = None,
    ) -> Request[StartedUpload]:
        """Send a CSV file and start the job that makes a table of it; an existing table is replaced.

        The file is streamed: memory use here does not depend on its size. (FATE-Flow reads it into memory
        whole.)

        :param file: a path, an open binary file, or an iterable of bytes.
        :param meta: how FATE reads it.
        :param head: whether its first line names the columns.
        :param partitions: into how many parts FATE splits the table.
        :param extend_sid: let FATE add a sample id; by default exactly when ``meta`` names none.
        :param mark: gives a text that the job carries, once all of the file has been read; see
            :meth:`UploadMeta.marked`. What it raises ends the upload, and no job is made.
        :raises FateInvalidParameterError: file, name or partitions cannot be right.
        :raises FateAmbiguousSubmitError: the answer was lost; the job may exist.
        """
        fields = _upload_fields(namespace, name, meta, head, partitions, extend_sid)
        form = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
        later = None
        if mark is not None:
            del form["meta"]

            def later() -> Mapping[str, str]:
                return {"meta": json.dumps(meta.marked(mark()).for_server())}

        return post(
            "/data/component/upload/file",
            _started,
            upload=Upload(file, form, filename=_filename(file), later=later),
            once=Once.SUBMIT,
            slow=True,
        )

    @endpoint
    def upload_server_file(
        self,
        file: str,
        *,
        namespace: str,
        name: str,
        meta: UploadMeta,
        head: bool = True,
        partitions: int = 4,
        extend_sid: bool | None = None,
    ) -> Request[StartedUpload]:
        """Start the job that makes a table of a file on the **server's** disk.

        :param file: its path there; relative to the server's data directory.
        :raises FateAmbiguousSubmitError: the answer was lost; the job may exist.
        """
        fields = {"file": file, **_upload_fields(namespace, name, meta, head, partitions, extend_sid)}
        return post("/data/component/upload", _started, json=fields, once=Once.SUBMIT, slow=True)

    @endpoint
    def transform(
        self, source: TableRef, *, namespace: str, name: str, site_name: str | None = None, drop: bool = True
    ) -> Request[StartedUpload]:
        """Start the job that makes a dataframe of a raw table.

        :param source: the raw table.
        :param site_name: the party's name in anonymous column names.
        :param drop: replace an existing table.
        :raises FateTableExists: it exists, and ``drop`` is false.
        """
        body = without_none(
            data_warehouse={
                "namespace": check_name("source.namespace", source.namespace),
                "name": check_name("source.name", source.name),
            },
            **_table(namespace, name),
            site_name=site_name,
            drop=drop,
        )
        return post("/data/component/dataframe/transformer", _started, json=body, once=Once.SUBMIT, slow=True)

    @endpoint
    def download(self, namespace: str, name: str, to: Target) -> Request[int]:
        """Write a table as tar.gz (``data/0.csv`` and ``data/0.meta``); return its size in bytes.

        :param to: a path, which appears when everything has arrived, or an open binary file.
        :raises FateTableNotFound: no such table on this site.
        """
        return get(
            "/data/download",
            lambda reply: reply.size,
            params=_table(namespace, name),
            sink=Sink(to),
            slow=True,
        )

    @endpoint
    def download_on_server(self, namespace: str, name: str, path: str) -> Request[StartedDownload]:
        """Start the job that writes a table as CSV on the **server's** disk."""
        return post(
            "/data/component/download",
            lambda reply: StartedDownload.model_validate({"job_id": reply.id, **reply.data}),
            json={**_table(namespace, name), "path": path},
            once=Once.SUBMIT,
            slow=True,
        )


def _table(namespace: str, name: str) -> dict[str, str]:
    return {"namespace": check_name("namespace", namespace), "name": check_name("name", name)}


def _upload_fields(
    namespace: str, name: str, meta: UploadMeta, head: bool, partitions: int, extend_sid: bool | None
) -> Mapping[str, Any]:
    if partitions < 1:
        raise FateInvalidParameterError(
            f"partitions {partitions} is not a number of parts.",
            hint="Write 1 or more; 4 suits small tables.",
            fields={"partitions": ["must be 1 or more"]},
        )
    return {
        **_table(namespace, name),
        "head": head,
        "partitions": partitions,
        "extend_sid": meta.sample_id_name is None if extend_sid is None else extend_sid,
        "meta": meta.for_server(),
    }


def _filename(file: Source) -> str:
    # Only its ending matters, and a name of ours can never break out of the header that it stands in.
    suffix = Path(file).suffix if isinstance(file, (str, Path)) else ".csv"
    return f"data{suffix}" if suffix[1:].isalnum() and suffix.isascii() else "data"


def _started(reply: Reply) -> StartedUpload:
    return StartedUpload.model_validate({"job_id": reply.id, **reply.data})
