"""Experiments and runs of MLflow, begun once: what an earlier try has begun is found again by its tags."""

from __future__ import annotations

import time
from collections.abc import Mapping

from airflow_provider_fate.clients.mlflow import Experiment, MlflowClient, Run
from airflow_provider_fate.errors import FateAmbiguousSubmitError, FateConfigError, FateServerError

__all__ = ["active_experiment", "begin_run", "begun_runs", "is_number", "time_ms"]

_TRIES = 3


def active_experiment(client: MlflowClient, name: str) -> Experiment:
    """The experiment of a name, made where there is none.

    :raises FateConfigError: it was deleted, and MLflow keeps its name.
    """
    found = client.experiments.find(name)
    if found is None:
        client.experiments.create(name)
        found = client.experiments.find(name)
    if found is None:
        raise FateServerError(f"MLflow has made no experiment {name!r}, though it said so.")
    if found.lifecycle_stage != "active":
        raise FateConfigError(
            f"The experiment {name!r} was deleted in MLflow, which keeps its name.",
            hint="Restore it (mlflow experiments restore), or name another in the connection's field experiment.",
        )
    return found


def begun_runs(client: MlflowClient, experiment: Experiment, tags: Mapping[str, str], limit: int = 100) -> list[Run]:
    """Runs that have all of these tags, oldest first.

    :param tags: values without quotes.
    :param limit: at most so many are looked at.
    """
    condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    runs = client.runs.search([experiment.experiment_id], condition, limit=limit)
    return sorted(runs, key=lambda run: (run.start_time, run.run_id))


def begin_run(
    client: MlflowClient,
    experiment: Experiment,
    *,
    name: str,
    key: Mapping[str, str],
    tags: Mapping[str, str] | None = None,
) -> Run:
    """Start a run, of which nobody may know whether it was begun where the answer was lost: it is looked for then.

    :param name: for people.
    :param key: tags by which the run is found again.
    :param tags: others that it has from the beginning.
    """
    for left in reversed(range(_TRIES)):
        try:
            return client.runs.create(
                experiment.experiment_id, name=name, start_time=time_ms(), tags={**(tags or {}), **key}
            )
        except FateAmbiguousSubmitError:
            if begun := begun_runs(client, experiment, key):
                return begun[0]
            if not left:
                raise
    raise AssertionError("unreachable")


def is_number(value: object) -> bool:
    """Whether MLflow takes it as a metric."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def time_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)
