"""One Airflow for all trials; those that were selected begin to run together when the first is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from dev.localairflow import LocalAirflow
from tests.chaos.airflow import chaos_airflow
from tests.chaos.runner import Runner, Verdict
from tests.chaos.trial import Trial
from tests.support.evidence import watch
from tests.support.fate import RunningFate
from tests.support.fate_jobs import Flow, write_data

Result = Callable[[Trial], Verdict]


@pytest.fixture(scope="session")
def chaotic_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """A running Airflow with the DAGs of these tests."""
    with chaos_airflow(tmp_path_factory.mktemp("airflow")) as airflow:
        watch("Airflow", airflow.home / "logs")
        yield airflow


def selected(session: pytest.Session, test: str) -> list[Trial]:
    """The trials of those tests of a name that pytest will run."""
    items = [item for item in session.items if isinstance(item, pytest.Function) and item.originalname == test]
    return [item.callspec.params["trial"] for item in items]


def results(runner: Runner, trials: list[Trial]) -> Result:
    """Start trials; the returned function waits for the verdict of one of them."""
    futures: dict[Trial, Future[Verdict]] = dict(zip(trials, runner.start(trials), strict=True))
    return lambda trial: futures[trial].result(timeout=800)


@pytest.fixture(scope="session")
def trials_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where trials put their files."""
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, chaotic_airflow: LocalAirflow, trials_folder: Path) -> Result:
    """The verdicts of trials on fake FATE-Flows."""
    runner = Runner(chaotic_airflow, trials_folder)
    return results(runner, selected(request.session, "test_trial"))


@pytest.fixture(scope="session")
def played_for_real(
    request: pytest.FixtureRequest, chaotic_airflow: LocalAirflow, trials_folder: Path, fate_full: RunningFate
) -> Result:
    """The verdicts of trials on a real FATE."""
    load_tables(fate_full, trials_folder)
    # Two jobs at the same time are what a small machine carries.
    runner = Runner(chaotic_airflow, trials_folder, fate_full, side_by_side=2)
    return results(runner, selected(request.session, "test_trial_on_a_real_fate"))


def load_tables(fate: RunningFate, folder: Path) -> None:
    """Give a real FATE the tables that the trials' jobs read."""
    flow = Flow(fate.url)
    for name, file in zip(("guest", "host"), write_data(folder / "tables", rows=60), strict=True):
        meta = {"delimiter": ",", "dtype": "float32", "match_id_name": "id"}
        if name == "guest":
            meta |= {"label_name": "y", "label_type": "int32"}
        body = {"file": str(file), "head": True, "partitions": 4, "extend_sid": True, "meta": meta}
        reply = flow.call("POST", "/data/component/upload", body=body | {"namespace": "chaos", "name": name})
        assert flow.wait(reply["job_id"], 300) == "success", flow.tasks(reply["job_id"])
