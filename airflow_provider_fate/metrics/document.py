"""The document that holds all metrics of a job at one party: ``metrics.json``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.metrics.model import (
    Curve,
    FeatureImportance,
    Measured,
    MeasuredJob,
    MetricsPart,
    MetricTable,
    MetricValue,
    MissingMetric,
    RawMetric,
)
from airflow_provider_fate.storage.folder import fetch_file

__all__ = ["JSON_FILE", "JobMetrics"]

JSON_FILE = "metrics.json"


class JobMetrics(MetricsPart):
    """All that one party of a job is shown of its metrics, as ``metrics.json`` holds it.

    :param values: single numbers and short texts.
    :param curves: over thresholds, or over iterations.
    :param tables: of whatever has columns.
    :param importances: of the columns.
    :param raw: what has an unknown shape.
    :param missing: what this party is not shown, with the reason.
    """

    format: Literal["airflow-provider-fate/job-metrics"] = "airflow-provider-fate/job-metrics"
    format_version: Literal[1] = 1
    job: MeasuredJob
    values: tuple[MetricValue, ...] = ()
    curves: tuple[Curve, ...] = ()
    tables: tuple[MetricTable, ...] = ()
    importances: tuple[FeatureImportance, ...] = ()
    raw: tuple[RawMetric, ...] = ()
    missing: tuple[MissingMetric, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return not (self.values or self.curves or self.tables or self.importances or self.raw)

    def curve(self, name: str, **place: str | int | None) -> Curve:
        """The one curve of a name.

        :param place: more of it where several have the name: ``dataset="validate"``, ``fold=0``, ``model="sbt_0"``...
        :raises FateInputError: there is none, or several.
        """
        return _the_one("curve", self.curves, name, place)

    def table(self, name: str, **place: str | int | None) -> MetricTable:
        """The one table of a name; see :meth:`curve`."""
        return _the_one("table", self.tables, name, place)

    def value(self, name: str, **place: str | int | None) -> bool | int | float | str:
        """The one value of a name, or the last one of a curve over iterations; see :meth:`curve`.

        What a task has logged twice is one value where both are the same.
        """
        once = {(one.path, one.iteration, one.value): one for one in self.final()}
        return _the_one("value", tuple(once.values()), name, place).value

    def final(self) -> Iterator[MetricValue]:
        """All single values, and the last ones of curves over iterations."""
        yield from self.values
        yield from (last for curve in self.curves if (last := curve.last()) is not None)

    def to_json(self) -> str:
        """As it stands in ``metrics.json``. The same metrics give the same text."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def read(cls, url: str | Path) -> JobMetrics:
        """Read what ``FateMetricsOperator`` or ``airflow fate metrics --output-file`` has written.

        :param url: the folder, or the JSON file in it: a path, or a URL such as ``s3://aws_default@bucket/metrics``.
        :raises FateInputError: it is not there, or is no such document, or of a version that is not known here.
        """
        return _read(str(url))


_Kind = TypeVar("_Kind", bound=Measured)


def _the_one(kind: str, found: Sequence[_Kind], name: str, place: dict[str, str | int | None]) -> _Kind:
    if unknown := sorted(set(place) - set(Measured.model_fields)):
        raise FateInputError(
            f"{kind}s are not told apart by {', '.join(unknown)}.", hint=f"Write {', '.join(Measured.model_fields)}."
        )
    fitting = [one for one in found if one.name == name and all(getattr(one, k) == v for k, v in place.items())]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(sorted({".".join(one.path) for one in fitting or found})) or "none"
    wanted = ", ".join([name, *(f"{key}={value!r}" for key, value in place.items())])
    raise FateInputError(
        f"There {'is no' if not fitting else 'are several of'} {kind} {wanted}.",
        hint=f"There are: {there}. Tell them apart by task, model, dataset, fold, iteration or label.",
    )


def _read(url: str) -> JobMetrics:
    place = url if url.endswith(".json") else f"{url.rstrip('/')}/{JSON_FILE}"
    with tempfile.TemporaryDirectory(prefix="fate-metrics-") as folder:
        copy = Path(folder) / JSON_FILE
        try:
            fetch_file(place, copy)
        except (FileNotFoundError, NotADirectoryError):
            raise FateInputError(
                f"{place} is not there.", hint="Name the folder that FateMetricsOperator has written into."
            ) from None
        content = copy.read_bytes()
    try:
        return JobMetrics.model_validate_json(content)
    except ValidationError as error:
        raise _refusal(place, content, error) from None


def _refusal(place: str, content: bytes, error: ValidationError) -> FateInputError:
    known = JobMetrics.model_fields["format"].default
    try:
        found = json.loads(content)
    except ValueError:
        return FateInputError(f"{place} is no JSON.", hint="The file is damaged, or another one: write it again.")
    given = (found.get("format"), found.get("format_version")) if isinstance(found, dict) else (None, None)
    if given[0] == known and given[1] != JobMetrics.model_fields["format_version"].default:
        return FateInputError(
            f"{place} is of version {given[1]!r} of the format, of which this provider knows 1.",
            hint="A newer airflow-provider-fate has written it: install that one here, too.",
        )
    first = error.errors()[0]
    return FateInputError(
        f"{place} does not hold the metrics of a job ({'.'.join(map(str, first['loc']))}: {first['msg']}).",
        hint=f'Such a file says "format": "{known}", and FateMetricsOperator writes it.',
    )
