"""A file on any storage that Airflow knows, which appears when it is complete, and else not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["stored_target"]


@contextmanager
def stored_target(name: str) -> Iterator[BinaryIO]:
    """Give a file to write into.

    :param name: a path, or a URL such as ``s3://aws_default@bucket/key``.
    """
    from airflow_provider_fate.data.output_target import local_file, stored_object

    if "://" not in name or name.startswith("file://"):
        with local_file(Path(name.removeprefix("file://"))) as file:
            yield file
        return
    from airflow.providers.common.compat.sdk import get_hook_lineage_collector
    from airflow.sdk import ObjectStoragePath

    path = ObjectStoragePath(name)
    # As the path does itself for files that are opened through it.
    get_hook_lineage_collector().add_output_asset(context=path, uri=str(path))
    with stored_object(path.fs, path.path) as file:
        yield file
