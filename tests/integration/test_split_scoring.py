"""Split scoring next to a real FATE: the services of the parties give for each row what FATE's predict job gives."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.operators.download import FateDownloadOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.split_check import FateSplitCheckOperator
from tests.integration.conftest import Prepared, asked_for
from tests.integration.test_convert import TRAINED, package, write_three
from tests.integration.test_recipes import GUEST, HOST, wait, write_tables
from tests.support.fate import RunningFate
from tests.support.split import Parties, require_documented, run
from tests.support.task import FakeTaskInstance, Task
from tests.support.wire import read_wire

pytestmark = [pytest.mark.fate, pytest.mark.timeout(1800)]

ROWS = 1_000
HETERO = {name: trained for name, trained in TRAINED.items() if not name.startswith("homo")}
# Trees at each change, which other tests have trained, too; sums, whose predict job takes minutes, in `make test-all`.
USUAL = {"secureboost"}
CHOSEN = [pytest.param(name, marks=() if name in USUAL else pytest.mark.thorough) for name in HETERO]


def write_many(folder: Path) -> dict[str, tuple[Path, str | None, str]]:
    """New rows of both parties, without a label."""
    dice = random.Random(11)
    people = {f"n{number:05}": [round(dice.gauss(0, 1), 6) for _ in range(4)] for number in range(ROWS)}

    def write(name: str, header: str, columns: slice) -> tuple[Path, str | None, str]:
        path = folder / f"{name}.csv"
        path.write_text("\n".join([header, *(f"{who},{_line(x[columns])}" for who, x in people.items())]) + "\n")
        return path, None, "int32"

    return {
        "many_guest": write("many_guest", "id,a,b", slice(0, 2)),
        "many_host": write("many_host", "id,c,d", slice(2, 4)),
    }


def _line(values: list[float]) -> str:
    return ",".join(f"{value:.6f}" for value in values)


@pytest.fixture(scope="module")
def flow(fate_full: RunningFate) -> Iterator[FlowClient]:
    with (
        pytest.MonkeyPatch.context() as patch,
        FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client,
    ):
        patch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
        patch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "2")
        yield client


@pytest.fixture(scope="module")
def many(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tables")
    written = write_many(folder)
    prepared.tables(write_tables(folder) | write_three(folder) | written)
    return {name: path for name, (path, _, _) in written.items()}


@pytest.fixture(scope="module")
def jobs(request: pytest.FixtureRequest, prepared: Prepared, many: dict[str, Path]) -> dict[str, str]:
    return prepared.jobs({name: recipe for name, (recipe, _, _) in HETERO.items()}, asked_for(request))


@pytest.fixture
def parties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parties]:
    made = Parties(tmp_path, monkeypatch)
    yield made
    made.close()


def fates_scores(job_id: str, task: str, folder: Path) -> dict[str, Any]:
    """What FATE's own predict job gives for the new rows, in a file."""
    ti = FakeTaskInstance(run_id=uuid.uuid4().hex)
    tables = {GUEST: "recipes.many_guest", HOST: "recipes.many_host"}
    scored = Task(
        lambda: FatePredictOperator(task_id="task", poll_interval=2, model=job_id, tables=tables, task=task), ti
    ).run(patience=900)
    found: dict[str, Any] = run(
        FateDownloadOperator, table=scored["table"], target=str(folder / "scores.csv"), expected_rows=ROWS
    )
    return found


@pytest.mark.parametrize("name", CHOSEN)
def test_a_thousand_rows_get_the_scores_of_fates_predict_job(
    flow: FlowClient, jobs: dict[str, str], many: dict[str, Path], parties: Parties, tmp_path: Path, name: str
) -> None:
    _, task, _ = HETERO[name]
    assert wait(flow, jobs[name], time.monotonic() + 1500) == "success"
    packages = {
        role: package(flow, jobs[name], role, who, tmp_path) for role, who in (("guest", GUEST), ("host", HOST))
    }
    transforms = {"binning_0": "bin_idx"}
    guest, host = (parties.part(packages[role].path, transforms=transforms) for role in ("guest", "host"))
    parties.serve(host, parties.rows(host, many["many_host"]))
    with read_wire(parties.ports[f"host_{HOST}"]) as wire:
        way = parties.way(f"host_{HOST}", wire.port)
        service = parties.serve(guest, parties.rows(guest, many["many_guest"]), hosts={HOST: way})

        checked = run(
            FateSplitCheckOperator,
            service=service,
            split_conn_id=parties.address(f"guest_{GUEST}"),
            scores=fates_scores(jobs[name], task, tmp_path),
            classes=3 if name == "trees_of_three" else 2,
            min_rows=ROWS,
        )

        assert checked["rows"] == ROWS
        assert checked["largest_difference"] <= 1e-5
        # A look, and a question for each level of the trees at most; nothing but what docs/split-scoring.md lists.
        assert 2 <= len(require_documented(wire, parties.secrets[f"host_{HOST}"])) <= 6
