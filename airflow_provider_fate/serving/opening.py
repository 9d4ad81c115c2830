"""From what a DAG names to the backend behind it."""

from __future__ import annotations

import re

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.serving.backend import ServingBackend

__all__ = ["open_backend"]

_LOCAL = re.compile(r"local(?:://(/[^?]+(?:\?.*)?))?")


def open_backend(place: str) -> ServingBackend:
    """Return the backend of a name; close it when it is no longer needed.

    :param place: ``local``, a server on this machine; ``local:///srv/serving``, one whose files are in this folder;
        ``kserve://kubernetes_default/namespace?options``: KServe on Kubernetes, see
        :class:`~airflow_provider_fate.serving.kserve.place.KservePlace`.
    :raises FateInputError: it names none.
    """
    if (local := _LOCAL.fullmatch(place)) is not None:
        from airflow_provider_fate.serving.local import LocalBackend

        return LocalBackend(local[1])
    if place.startswith("kserve://"):
        from airflow_provider_fate.serving.kserve import KserveBackend

        return KserveBackend(place)
    raise FateInputError(
        f"backend={place!r} names no place to serve from.",
        hint="Write 'local', or 'local:///folder' for a server on this machine; 'kserve://connection/namespace?store="
        "s3://conn_id@bucket/folder' for KServe.",
    )
