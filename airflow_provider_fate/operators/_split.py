"""What the operators of split scoring have in common: the part that a task is given, and errors that no retry mends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

if TYPE_CHECKING:
    from airflow_provider_fate.serving.split.document import SplitPart


@contextmanager
def not_retried() -> Iterator[None]:
    """Fail the task at once for what would be the same the next time."""
    from airflow_provider_fate.errors import (
        FateAuthError,
        FateConfigError,
        FateConsentError,
        FateInputError,
        FateModelNotFound,
        FateOtherModelError,
        FateRowNotFound,
    )

    permanent = (
        *(FateInputError, FateConfigError, FateConsentError, FateOtherModelError, FateAuthError),
        *(FateModelNotFound, FateRowNotFound),
    )
    try:
        yield
    except permanent as error:
        raise AirflowFailException(str(error)) from None


def part_given(given: Any) -> SplitPart:
    """The part that a task is given.

    :param given: the result of ``FateSplitPartOperator``, or the place of its ``split.json``.
    :raises FateInputError: it names none, it is not there, or it is another one than the result says.
    """
    from airflow_provider_fate.errors import FateInputError
    from airflow_provider_fate.serving.split.document import read_split_part
    from airflow_provider_fate.storage.folder import fetch_file, require_no_password

    result = given if isinstance(given, Mapping) else {}
    place = result.get("part") if isinstance(given, Mapping) else given
    if not isinstance(place, str) or not place.endswith(".json"):
        raise FateInputError(
            f"part={given!r} names no part of a split model.",
            hint="Give part.output of a FateSplitPartOperator, or the place of its split.json.",
        )
    require_no_password("part", place)
    with TemporaryDirectory(prefix="fate-split-") as temporary:
        file = Path(temporary) / "split.json"
        try:
            fetch_file(place, file)
        except FileNotFoundError:
            raise FateInputError(f"part {place} is not there.", hint="Let FateSplitPartOperator write it.") from None
        part = read_split_part(file, place)
    if result.get("sha256") not in (None, part.sha256):
        raise FateInputError(
            f"{place} has sha256 {part.sha256}, and not {result['sha256']}.",
            hint="It was made anew since. Have it signed off, and give its new checksum.",
        )
    return part
