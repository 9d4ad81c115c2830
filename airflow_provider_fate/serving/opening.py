"""From what a DAG names to the backend behind it."""

from __future__ import annotations

import re

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.serving.backend import ServingBackend

__all__ = ["open_backend"]

_LOCAL = re.compile(r"local(?:://(/[^?]+(?:\?.*)?))?")


def open_backend(place: str) -> ServingBackend:
    """Return the backend of a name; close it when it is no longer needed.

    :param place: ``local``, a server on this machine; ``local:///srv/serving``, one whose files are in this folder.
    :raises FateInputError: it names none.
    """
    if (local := _LOCAL.fullmatch(place)) is not None:
        from airflow_provider_fate.serving.local import LocalBackend

        return LocalBackend(local[1])
    raise FateInputError(
        f"backend={place!r} names no place to serve from.",
        hint="Write 'local', or 'local:///folder' for a server on this machine.",
    )
