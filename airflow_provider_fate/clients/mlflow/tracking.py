"""``mlflow.server``, ``mlflow.experiments``, ``mlflow.runs``, ``mlflow.artifacts``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    PlainUpload,
    Reply,
    Request,
    Sink,
    Steps,
    Target,
    Transport,
    endpoint,
    get,
    post,
    procedure,
)
from airflow_provider_fate.errors import FateConfigError

from .envelope import EXISTS, MISSING
from .models import Experiment, MetricPoint, Run, pairs

__all__ = ["ArtifactGroup", "ExperimentGroup", "RunGroup", "ServerAnswers"]

T = TypeVar("T")

METRICS_AT_ONCE, PAIRS_AT_ONCE = 1000, 100
"""MLflow refuses more in one request."""


class _Text:
    """Reads an answer that is no JSON."""

    def __init__(self) -> None:
        self.rest = bytearray()

    def feed(self, piece: bytes) -> None:
        self.rest += piece

    def finish(self) -> Any:
        text = self.rest.decode("utf-8", errors="replace").strip()
        if not re.match(r"\d+\.\d+", text):
            raise ValueError(text)
        return text


class _MaybeEmpty(_Text):
    """Reads an answer that says nothing where all is well."""

    def finish(self) -> Any:
        return json.loads(self.rest or b"{}")


class ServerAnswers(Group[Transport]):
    """The server itself."""

    @endpoint
    def version(self) -> Request[str]:
        """Return its version, such as ``3.17.2``."""
        return get("/version", lambda reply: str(reply.data), version="", reader=_Text)


class ExperimentGroup(Group[Transport]):
    """Experiments: folders of runs, with names that are unique."""

    @endpoint
    def find(self, name: str) -> Request[Experiment | None]:
        """Return the experiment of a name; ``None``: there is none. One that was deleted is found, too."""
        return get(
            "/mlflow/experiments/get-by-name",
            lambda reply: None if reply.code else Experiment.model_validate(reply.data["experiment"]),
            params={"experiment_name": name},
            accept=frozenset({MISSING}),
        )

    @endpoint
    def create(self, name: str) -> Request[bool]:
        """Make one; return whether it was not there. Of two who do it at once one makes it."""
        return post(
            "/mlflow/experiments/create",
            lambda reply: not reply.code,
            json={"name": name},
            accept=frozenset({EXISTS}),
            once=Once.REPEAT,
        )


class RunGroup(Group[Transport]):
    """Runs."""

    @endpoint
    def create(self, experiment_id: str, *, name: str, start_time: int, tags: Mapping[str, str]) -> Request[Run]:
        """Start a run.

        :raises FateAmbiguousSubmitError: the answer was lost, so one may be there: search for its tags.
        """
        body = {"experiment_id": experiment_id, "run_name": name, "start_time": start_time, "tags": pairs(tags)}
        return post("/mlflow/runs/create", lambda reply: Run.of(reply.data["run"]), json=body, once=Once.SUBMIT)

    @endpoint
    def get(self, run_id: str) -> Request[Run | None]:
        """Return a run; ``None``: there is none."""
        return get(
            "/mlflow/runs/get",
            lambda reply: None if reply.code else Run.of(reply.data["run"]),
            params={"run_id": run_id},
            accept=frozenset({MISSING}),
        )

    @endpoint
    def search(self, experiment_ids: Sequence[str], condition: str, *, limit: int = 100) -> Request[list[Run]]:
        """Return the runs for which a condition holds, oldest first, without those that were deleted.

        :param condition: in MLflow's language: ``tags.`fate.job_id` = '2026...'``.
        """
        body = {
            "experiment_ids": list(experiment_ids),
            "filter": condition,
            "max_results": limit,
            "order_by": ["attributes.start_time ASC"],
        }
        return post(
            "/mlflow/runs/search",
            lambda reply: [Run.of(run) for run in reply.data.get("runs", ())],
            json=body,
            once=Once.REPEAT,
        )

    @endpoint
    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Iterable[MetricPoint] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Request[None]:
        """Write metrics, parameters and tags; the same twice is written once.

        :raises FateInvalidParameterError: a parameter has another value already, or the run was deleted.
        """
        return _log_batch(run_id, metrics=metrics, params=params, tags=tags)

    @procedure
    def log_metrics(self, run_id: str, points: Iterable[MetricPoint]) -> Steps[int]:
        """Write any number of metrics with their steps; return how many. The same point twice is written once."""
        written = 0
        for some in _batched(points, METRICS_AT_ONCE):
            yield _log_batch(run_id, metrics=some)
            written += len(some)
        return written

    @procedure
    def describe(self, run_id: str, *, params: Mapping[str, str], tags: Mapping[str, str]) -> Steps[None]:
        """Write any number of parameters and tags.

        :raises FateInvalidParameterError: a parameter has another value already, or the run was deleted.
        """
        for some in _batched(params.items(), PAIRS_AT_ONCE):
            yield _log_batch(run_id, params=dict(some))
        for some in _batched(tags.items(), PAIRS_AT_ONCE):
            yield _log_batch(run_id, tags=dict(some))

    @endpoint
    def log_param(self, run_id: str, key: str, value: str) -> Request[None]:
        """Write a parameter, which never changes: of two who write different values at once, one is refused.

        :raises FateInvalidParameterError: it has another value already, or the run was deleted.
        """
        body = {"run_id": run_id, "key": key, "value": value}
        return post("/mlflow/runs/log-parameter", _nothing, json=body, once=Once.REPEAT)

    @endpoint
    def finish(self, run_id: str, *, end_time: int, status: str = "FINISHED") -> Request[None]:
        """Say that a run is over."""
        body = {"run_id": run_id, "status": status, "end_time": end_time}
        return post("/mlflow/runs/update", _nothing, json=body, once=Once.REPEAT)

    @endpoint
    def delete(self, run_id: str) -> Request[None]:
        """Take a run away, if it is there; MLflow can restore it."""
        return post(
            "/mlflow/runs/delete",
            _nothing,
            json={"run_id": run_id},
            accept=frozenset({MISSING}),
            once=Once.REPEAT,
        )


class ArtifactGroup(Group[Transport]):
    """Files of runs, through the server: no credentials of its storage are needed here."""

    @endpoint
    def put(self, run: Run, path: str, file: Path) -> Request[None]:
        """Write a file; one of that name is replaced.

        :param path: below the run's artifacts, such as ``model/model.zip``.
        :raises FateConfigError: the server does not hand files on.
        """
        place = f"/mlflow-artifacts/artifacts{_proxied(run)}/{quote(path)}"
        return Request("PUT", place, _nothing, upload=PlainUpload(file), slow=True, reader=_MaybeEmpty)

    @endpoint
    def names(self, run_id: str, path: str) -> Request[list[str]]:
        """Return the paths of the files in a folder of a run."""
        return get(
            "/mlflow/artifacts/list",
            lambda reply: [file["path"] for file in reply.data.get("files", ())],
            params={"run_id": run_id, "path": path},
        )

    @endpoint
    def download(self, run: Run, path: str, to: Target) -> Request[int]:
        """Read a file that holds no JSON, which could be an error as well; return its size in bytes."""
        place = f"/mlflow-artifacts/artifacts{_proxied(run)}/{quote(path)}"
        return get(place, lambda reply: reply.size, sink=Sink(to), slow=True)


def _proxied(run: Run) -> str:
    uri = urlsplit(run.artifact_uri)
    if uri.scheme != "mlflow-artifacts":
        raise FateConfigError(
            f"MLflow keeps the files of run {run.run_id} at {run.artifact_uri!r}, and hands none on.",
            hint="Start it with --artifacts-destination (and --serve-artifacts, its default), and use an experiment "
            "that was made since: an experiment keeps the place of its files.",
        )
    return quote(uri.path)


def _log_batch(
    run_id: str,
    *,
    metrics: Iterable[MetricPoint] = (),
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Request[None]:
    body = {
        "run_id": run_id,
        "metrics": [point.to_json() for point in metrics],
        "params": pairs(params or {}),
        "tags": pairs(tags or {}),
    }
    return post("/mlflow/runs/log-batch", _nothing, json=body, once=Once.REPEAT)


def _batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(values)
    while some := list(islice(left, size)):
        yield some


def _nothing(reply: Reply) -> None:
    return None
