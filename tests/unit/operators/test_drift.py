"""Whether a table has drifted, as a task says it."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import TriggeringAssetEventsAccessor
from pyarrow import parquet

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateTableNotFound
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi, Recipe
from airflow_provider_fate.operators.drift import FateDriftOperator
from tests.support.fake_flow import FakeFlow, Script, Table
from tests.support.task import CONN_ID, FakeTaskInstance, Task

COLUMNS = ["extend_sid", "id", "y", "debt", "age"]
META = {"match_id_name": "id", "label_name": "y"}
PARTIES: dict[str, Any] = {"guest": Party("9999", "credit.bank"), "hosts": [Party("10000", "credit.telco")]}
FILES = ["profile.json", "reference.json", "report.json", "report.md"]


def bank(name: str, rows: int = 400, older: float = 0.0, seed: int = 1, **kwargs: Any) -> Table:
    draw = np.random.default_rng(seed)
    values = zip(draw.normal(0, 1, rows), draw.normal(40 + older, 10, rows), strict=True)
    namespace, _, name = name.partition(".")
    made = [[f"s{n}", f"i{n:04}", str(n % 2), f"{d:.4f}", f"{a:.4f}"] for n, (d, a) in enumerate(values)]
    return Table(namespace, name, "dataframe", COLUMNS, made, meta=META, **kwargs)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(autouse=True)
def nothing_is_left(scratch: Path) -> Any:
    yield
    assert list(scratch.iterdir()) == []


@pytest.fixture
def tables(site: FakeFlow) -> FakeFlow:
    site.tables.add(bank("credit.bank"))
    site.tables.add(bank("new.same", seed=2))
    site.tables.add(bank("new.older", older=15, seed=3))
    return site


def drift(current: Any, ti: FakeTaskInstance | None = None, templates: Any = None, **arguments: Any) -> Task:
    given = {"task_id": "drift", "fate_conn_id": CONN_ID, "current": current} | arguments
    if "model" not in given:
        given.setdefault("reference", "credit.bank")
    return Task(lambda: FateDriftOperator(**given), ti or FakeTaskInstance(), templates or {})


def refused(current: Any, **arguments: Any) -> str:
    with pytest.raises(AirflowFailException) as caught:
        drift(current, **arguments).run()
    return str(caught.value)


def train(site: FakeFlow, recipe: Recipe | None = None, script: Script | None = None) -> str:
    if script is not None:
        site.plan(script)
    with FlowClient(site.settings) as flow:
        job_id = flow.job.submit((recipe or HeteroSecureBoost(**PARTIES, num_trees=2)).dag()).job_id
        site.clock.advance(60)
        flow.job.query(job_id=job_id)
    return job_id


# --- what it says -----------------------------------------------------------------------------------------------------


def test_a_table_that_is_alike_is_stable(tables: FakeFlow) -> None:
    task = drift("new.same")
    found = task.run()
    assert task.ti.xcoms["drift"] == found
    assert (found["drifted"], found["verdict"]) == (False, "stable")
    assert set(found["columns"]) == {"debt", "age", "y"}, "no ids; the label, where both have it"
    assert (found["reference"], found["reference_rows"]) == ("table credit.bank", 400)
    assert found["report"] is None


def test_a_column_that_has_moved_is_named_and_comes_first(tables: FakeFlow, capsys: pytest.CaptureFixture[str]) -> None:
    found = drift("new.{{ which }}", templates={"which": "older"}).run()
    assert (found["drifted"], found["drifted_columns"], found["shifted_columns"]) == (True, ["age"], [])
    assert next(iter(found["columns"])) == "age"
    assert found["columns"]["age"]["psi"] > 0.25
    assert found["columns"]["age"]["ks"] > 0.4
    lines = [line.partition("]")[2].strip() for line in capsys.readouterr().out.splitlines()]
    head = next(n for n, line in enumerate(lines) if line.startswith("column"))
    assert lines[head + 1].startswith("age")
    assert "1 of 3 columns have drifted" in lines[-1]


def test_columns_and_thresholds_can_be_chosen(tables: FakeFlow) -> None:
    assert drift("new.older", columns=["debt"]).run()["verdict"] == "stable"
    assert drift("new.older", shifted=50, drifted=60).run()["verdict"] == "stable"
    assert drift("new.older", shifted=50, drifted=60, ks=0.3).run()["verdict"] == "drifted"
    assert drift("new.older", min_columns=2).run()["verdict"] == "shifted"


def test_files_are_written_and_are_the_same_when_it_runs_again(tables: FakeFlow, tmp_path: Path) -> None:
    target = tmp_path / "drift" / "{{ day }}"
    found = drift("new.older", target=target, templates={"day": "20260101"}).run()
    folder = tmp_path / "drift" / "20260101"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    before = {name: (folder / name).read_bytes() for name in FILES}
    assert json.loads(before["report.json"])["verdict"] == "drifted"
    assert before["report.md"].startswith(b"# Drift: drifted")
    assert [found[key] for key in ("profile", "reference_profile", "report", "report_text")] == [
        str(folder / name) for name in FILES
    ]
    assert b"i0001" not in b"".join(before.values()), "no id of a row"
    assert drift("new.older", target=target, templates={"day": "20260101"}).run() == found
    assert {name: (folder / name).read_bytes() for name in FILES} == before


def test_drift_can_fail_the_task_and_is_told_all_the_same(tables: FakeFlow, tmp_path: Path) -> None:
    task = drift("new.older", on_drift="fail", target=tmp_path / "out")
    with pytest.raises(AirflowFailException, match=r"table new\.older has drifted away from table credit\.bank: age"):
        task.run()
    assert task.ti.xcoms["drift"]["drifted"] is True
    assert (tmp_path / "out" / "report.json").exists()
    assert drift("new.same", on_drift="fail").run()["drifted"] is False


def test_what_follows_can_be_skipped(tables: FakeFlow) -> None:
    task = drift("new.older", on_drift="skip")
    with pytest.raises(AirflowSkipException, match="is drifted"):
        task.run()
    assert task.ti.xcoms["drift"]["drifted"] is True
    with pytest.raises(AirflowSkipException, match="is stable"):
        drift("new.same", on_stable="skip").run()
    assert drift("new.older", on_stable="skip").run()["drifted"] is True


# --- what can be compared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["result", "id", "asset"])
def test_the_reference_is_what_a_model_was_trained_on(tables: FakeFlow, form: str) -> None:
    job_id = train(tables)
    asset = model_asset("9999", "credit")
    event = SimpleNamespace(asset=asset, source_aliases=[], timestamp=1, extra={"job_id": job_id})
    model = {"result": {"job_id": job_id, "metrics": {}}, "id": job_id, "asset": asset}[form]
    # Airflow 3.1 cannot look an asset up in a mapping.
    events = {"triggering_asset_events": TriggeringAssetEventsAccessor.build([event])}
    found = drift("new.older", model=model, templates=events).run()
    assert (found["reference"], found["drifted_columns"]) == ("table credit.bank", ["age"])


def test_what_the_job_has_kept_takes_the_place_of_a_table_that_is_gone(tables: FakeFlow) -> None:
    kept = replace(bank("a.b", rows=200), namespace="", name="")
    job_id = train(tables, script=Script(data={"psi_0": {"output_data": [kept]}}))
    tables.tables.remove("credit", "bank")
    found = drift("new.older", model=job_id).run()
    assert found["reference"] == f"what task psi_0 of job {job_id} has kept of it"
    assert (found["reference_rows"], found["drifted_columns"]) == (200, ["age"])


def test_a_table_that_was_replaced_since_is_not_what_the_model_was_trained_on(
    tables: FakeFlow, caplog: pytest.LogCaptureFixture
) -> None:
    kept = replace(bank("a.b", rows=200), namespace="", name="")
    job_id = train(tables, script=Script(data={"psi_0": {"output_data": [kept]}}))
    later = train(tables)  # as if it were an upload
    tables.tables.add(bank("credit.bank", source={"task_id": f"{later}_upload_0"}))
    assert drift("new.older", model=job_id).run()["reference"].startswith("what task psi_0")
    assert "was replaced after the training" in caplog.text
    assert drift("new.older", model=later).run()["reference"] == "table credit.bank"


def test_nothing_is_made_up_where_nothing_is_left(tables: FakeFlow) -> None:
    job_id = train(tables, Psi(**PARTIES), Script(data={"psi_0": {"output_data": []}}))
    tables.tables.remove("credit", "bank")
    assert "is not there any more" in refused("new.older", model=job_id)
    assert "does not know job" in refused("new.older", model="202601010000000000001")


def test_of_scores_the_scores_are_compared(tables: FakeFlow) -> None:
    def scores(name: str, mean: float) -> Table:
        draw = np.random.default_rng(5)
        columns = ["extend_sid", "id", "label", "predict_score", "predict_result", "predict_detail", "type"]
        detail = "\"{'0': 0.5, '1': 0.5}\""
        rows = [
            [f"s{n}", f"i{n}", "1", f"{score:.5f}", str(int(score > 0.5)), detail, "test_set"]
            for n, score in enumerate(draw.normal(mean, 0.1, 300))
        ]
        types = {
            "predict_score": "float64",
            "predict_result": "int32",
            "predict_detail": "np_object",
            "type": "np_object",
        }
        return Table("scores", name, "dataframe", columns, rows, meta={"match_id_name": "id"}, dtypes=types)

    tables.tables.add(scores("january", 0.4))
    tables.tables.add(scores("february", 0.6))
    results = [{"job_id": "1", "trained_by": "2", "table": f"scores.{month}"} for month in ("january", "february")]
    found = drift(results[1], reference=results[0]).run()
    assert found["drifted_columns"] == ["predict_score", "predict_result"]
    assert "no scores" in refused(results[1] | {"table": None}, reference=results[0])


def test_a_profile_is_enough_and_the_site_is_not_asked(tables: FakeFlow, tmp_path: Path) -> None:
    first = drift("new.older", target=tmp_path / "first").run()
    asked = tables.requests.count()
    second = drift({"profile": first["profile"]}, reference=first["reference_profile"]).run()
    assert second["columns"] == first["columns"]
    assert drift(first, reference=first["reference_profile"]).run()["columns"] == first["columns"]
    assert tables.requests.count() == asked
    third = drift("new.older", reference=first["reference_profile"], columns=["age"]).run()
    assert third["columns"] == {"age": first["columns"]["age"]}


def test_files_and_queries_are_compared_with_tables(
    tables: FakeFlow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = bank("x.y", older=15).rows
    path = tmp_path / "new.csv"
    path.write_text("age;debt\n" + "".join(f"{row[4]};{row[3]}\n" for row in rows))
    found = drift({"source": str(path), "delimiter": ";"}).run()
    assert (found["current"], found["drifted_columns"]) == (str(path), ["age"])
    ages = pa.array([float(row[4]) for row in rows])
    parquet.write_table(pa.table({"age": ages, "debt": ages}), tmp_path / "new.parquet")
    assert drift(tmp_path / "new.parquet", columns=["age"]).run()["drifted_columns"] == ["age"]

    import sqlite3

    database = tmp_path / "a.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE people (age REAL, debt REAL)")
        connection.executemany("INSERT INTO people VALUES (?, ?)", [(float(row[4]), float(row[3])) for row in rows])
    connection.close()
    monkeypatch.setattr(
        "airflow.providers.common.compat.sdk.BaseHook.get_hook",
        lambda _: SimpleNamespace(get_conn=lambda: sqlite3.connect(database), get_records=None),
    )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite"}))
    query = {"sql": "SELECT * FROM people WHERE age > ?", "sql_conn_id": "warehouse", "sql_parameters": [0]}
    assert drift(query).run()["drifted_columns"] == ["age"]


def test_data_of_a_job_is_compared(tables: FakeFlow) -> None:
    kept = replace(bank("a.b", older=15, rows=200), namespace="", name="")
    job_id = train(tables, Psi(**PARTIES), Script(data={"psi_0": {"output_data": [kept]}}))
    found = drift({"job": {"job_id": job_id}, "task": "psi_0"}).run()
    assert found["drifted_columns"] == ["age"]


# --- what cannot ------------------------------------------------------------------------------------------------------


def test_tables_that_do_not_fit_are_refused_with_the_reason(tables: FakeFlow) -> None:
    short = bank("new.short")
    tables.tables.add(replace(short, columns=COLUMNS[:4], rows=[row[:4] for row in short.rows]))
    assert "table new.short has no column 'age', which table credit.bank names" in refused("new.short")
    words = replace(bank("new.words"), dtypes={"age": "np_object"})
    tables.tables.add(replace(words, rows=[[*row[:4], "old"] for row in words.rows]))
    assert "Column 'age' of table new.words holds values that are no numbers" in refused("new.words")
    assert "no column 'income', which columns names" in refused("new.same", columns=["income"])


def test_too_few_rows_are_refused_before_they_are_fetched(tables: FakeFlow) -> None:
    tables.tables.add(bank("new.few", rows=99))
    assert "table new.few has 99 rows, but min_rows=100" in refused("new.few")
    assert tables.requests.count("/data/download") == 1, "the reference"
    assert drift("new.few", min_rows="{{ 100 - 1 }}").run()["current_rows"] == 99


def test_a_table_that_is_not_there_may_still_come(tables: FakeFlow) -> None:
    with pytest.raises(FateTableNotFound, match=r"no table new\.none"):
        drift("new.none").run()
    with pytest.raises(FileNotFoundError, match=r"/nowhere/a\.csv"):
        drift("/nowhere/a.csv").run()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"reference": None}, "either `reference` or `model`"),
        ({"model": "1", "reference": "a.b"}, "either `reference` or `model`"),
        ({"model": {"id": 1}}, "names no job"),
        ({"current": None}, "current=None names no table"),
        ({"current": "nodot"}, "namespace.name"),
        ({"current": {}}, "which names no table"),
        ({"current": {"source": "a.csv", "sep": ";"}}, "'sep', which is unknown beside source"),
        ({"current": {"sql": "SELECT 1"}}, "no sql_conn_id"),
        ({"current": {"job": "1"}}, "job and no task"),
        ({"reference": "/nowhere/reference.json"}, "is not there"),
        ({"reference": "s3://key:geheim@bucket/reference.json"}, "password"),
        ({"current": "s3://key:geheim@bucket/a.csv"}, "password"),
        ({"target": "s3://key:geheim@bucket/a"}, "password"),
        ({"target": "out/report.json"}, "is not a folder"),
        ({"on_drift": "explode"}, "on_drift='explode'"),
        ({"on_stable": "fail"}, "on_stable='fail'"),
        ({"min_rows": "many"}, "min_rows='many'"),
        ({"drifted": 0}, "drifted=0"),
        ({"bins": 1}, "bins=1"),
        ({"binning": "log"}, "binning='log'"),
        ({"min_count": 0}, "min_count=0"),
        ({"columns": "age"}, "not a list"),
    ],
)
def test_arguments_that_cannot_be_right_are_named(tables: FakeFlow, arguments: dict[str, Any], says: str) -> None:
    said = refused(arguments.pop("current", "new.same"), **arguments)
    assert says in said
    assert "geheim" not in said


def test_a_file_that_is_no_profile_is_named(tables: FakeFlow, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"format": "else"}')
    assert "is no profile of a table" in refused("new.same", reference=str(tmp_path / "p.json"))


def test_a_kill_ends_it_and_leaves_nothing(tables: FakeFlow) -> None:
    operator = drift("new.same").make()
    operator.render_template_fields({})
    before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    tables.faults.slow(5, "/data/download")
    threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    try:
        with pytest.raises(AirflowException, match="killed"):
            operator.execute({"ti": FakeTaskInstance()})
    finally:
        signal.signal(signal.SIGTERM, before)
    assert time.monotonic() - began < 4
