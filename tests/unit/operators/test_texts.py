"""Prompts and answers: made, checked, split, written, bound."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook
from pyarrow import parquet

from airflow_provider_fate.data.given import Csv
from airflow_provider_fate.errors import FateConflictError
from airflow_provider_fate.operators.texts import FateTextOperator
from tests.support.fake_flow import FakeFlow
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task

ROWS = [{"question": f"What is {n} times {n}?", "answer": f"It is {n * n}."} for n in range(60)]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that worker and server both see."""
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "source.jsonl", ROWS)


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: str | Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in Path(path).read_text("ascii").splitlines()]


def task(shared: Path, **arguments: Any) -> Task:
    given: dict[str, Any] = {
        "task_id": "texts", "table": "clinic.letters_{{ day }}", "folder": str(shared), "prompt": "question",
        "answer": "answer", "fate_conn_id": CONN_ID,
    }  # fmt: skip
    given |= arguments
    return Task(
        lambda: FateTextOperator(**{name: value for name, value in given.items() if value is not None}),
        templates={"day": "20260101"},
    )


def test_rows_become_a_bound_table_and_rows_to_judge_with(site: FakeFlow, shared: Path, source: Path) -> None:
    result = task(shared, source=source).run()
    table = site.tables.get("clinic", "letters_20260101")
    assert (table.kind, table.path) == ("data_directory", result["path"])
    train, held_out = read(result["path"]), read(result["held_out"])
    assert (result["rows"], result["held_out_rows"]) == (len(train), len(held_out))
    assert len(held_out) >= 1
    pairs = {(row["content"], row["summary"]) for row in [*train, *held_out]}
    assert pairs == {(row["question"], row["answer"]) for row in ROWS}
    assert not {row["content"] for row in train} & {row["content"] for row in held_out}
    assert {key: result[key] for key in ("table", "namespace", "name", "read", "dropped", "changed")} == {
        "table": "clinic.letters_20260101",
        "namespace": "clinic",
        "name": "letters_20260101",
        "read": 60,
        "dropped": {},
        "changed": True,
    }


def test_a_task_that_runs_again_changes_nothing(site: FakeFlow, shared: Path, source: Path) -> None:
    first = task(shared, source=source).run()
    written = {file: file.stat().st_mtime_ns for file in shared.rglob("*.jsonl")}
    assert task(shared, source=source).run() == first | {"changed": False}
    assert {file: file.stat().st_mtime_ns for file in shared.rglob("*.jsonl")} == written
    assert site.requests.count("/table/bind/path") == 1


def test_other_rows_get_another_file_and_the_old_one_stays(site: FakeFlow, shared: Path, tmp_path: Path) -> None:
    first = task(shared, source=jsonl(tmp_path / "a.jsonl", ROWS)).run()
    more = jsonl(tmp_path / "b.jsonl", [*ROWS, {"question": "And 7 plus 7?", "answer": "14."}])
    with pytest.raises(AirflowFailException, match=r"letters_20260101 exists already(?s:.*)overwrite=True"):
        task(shared, source=more).run()
    assert {str(file) for file in shared.rglob("*.jsonl")} == {first["path"], first["held_out"]}, "nothing is left"
    second = task(shared, source=more, overwrite=True).run()
    assert site.tables.get("clinic", "letters_20260101").path == second["path"] != first["path"]
    assert Path(first["path"]).exists()


def test_a_table_that_has_the_name_is_told_before_the_rows_are_read(site: FakeFlow, shared: Path) -> None:
    site.tables.add(Table("clinic", "letters_20260101", "dataframe", ["id"], []))
    with pytest.raises(AirflowFailException, match="exists already"):
        task(shared, source=shared.parent / "not_there.jsonl").run()


def test_a_name_is_not_taken_from_a_job_that_runs(site: FakeFlow, shared: Path, source: Path) -> None:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.jobs import Party, Psi
    from tests.support.fake_flow import Script

    site.tables.add(Table("clinic", "letters_20260101", "data_directory", path="/data/other"))
    site.plan(Script(waiting=1e9))
    job = Psi(guest=Party("9999", "clinic.letters_20260101"), hosts=[Party("10000", "a.b")]).dag()
    with FlowClient(site.settings) as flow:
        job_id = flow.job.submit(job).job_id
    with pytest.raises(FateConflictError, match=job_id):
        task(shared, source=source, overwrite=True).run()
    assert list(shared.rglob("*.jsonl")) == []


# --- sources ----------------------------------------------------------------------------------------------------------


def test_every_kind_of_source_gives_the_same_set(
    site: FakeFlow, shared: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv = tmp_path / "rows.csv"
    csv.write_text("question;answer\n" + "".join(f'"{row["question"]}";"{row["answer"]}"\n' for row in ROWS))
    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    with sqlite3.connect(tmp_path / "rows.db") as database:
        database.execute("CREATE TABLE letters (question TEXT, answer TEXT)")
        database.executemany("INSERT INTO letters VALUES (:question, :answer)", ROWS)
    database.close()

    class Hook(DbApiHook):
        conn_name_attr = "clinic"

        def get_conn(self) -> Any:
            return sqlite3.connect(tmp_path / "rows.db")

    monkeypatch.setenv("AIRFLOW_CONN_CLINIC", json.dumps({"conn_type": "generic"}))
    monkeypatch.setattr(BaseHook, "get_hook", lambda conn_id: Hook(conn_id))
    expected = task(shared, source=source).run()["sha256"]
    query = {"sql": "SELECT * FROM letters", "sql_conn_id": "clinic"}
    for given in (
        {"source": csv, "csv": Csv(delimiter=";")},
        {"source": tmp_path / "rows.parquet"},
        {"source": tmp_path / "rows.json"},
        query,
    ):
        assert task(shared, **given).run()["sha256"] == expected


def test_a_server_that_has_the_folder_elsewhere(site: FakeFlow, shared: Path, source: Path) -> None:
    result = task(shared, source=source, server_folder="/mnt/texts").run()
    assert result["path"].startswith("/mnt/texts/clinic.letters_20260101/train-")
    assert site.tables.get("clinic", "letters_20260101").path == result["path"]
    assert Path(result["held_out"]).is_file()


def test_a_folder_may_be_a_url_of_a_mounted_storage(site: FakeFlow, shared: Path, source: Path) -> None:
    result = task(shared, source=source, folder=f"file://{shared}").run()
    assert result["path"].startswith(f"{shared}/clinic.letters_20260101/")
    assert result["held_out"].startswith(f"file://{shared}/")
    assert Path(result["path"]).is_file()


def test_a_task_that_is_killed_leaves_nothing(
    site: FakeFlow, shared: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = task(shared, source=source).make()

    def kill(*_: Any, **__: Any) -> None:
        killed.on_kill()  # from a signal handler, in the middle of the work

    monkeypatch.setattr("airflow_provider_fate.site.binding.make_room", kill)
    killed.render_template_fields({"day": "20260101"})
    with pytest.raises(AirflowException, match="was killed"):
        killed.execute(task(shared).context)
    assert list(shared.rglob("*.jsonl")) == []
    killed.on_kill()  # once more, when it is over: nothing to do


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"table": "letters"}, "namespace.name"),
        ({"folder": "texts"}, "folder='texts' is not an absolute path"),
        ({"folder": "/not/there"}, "folder='/not/there' is not a folder on this worker"),
        ({"folder": "s3://bucket/texts"}, "server_folder='/mnt/texts'"),
        ({"folder": "s3://me:pass@bucket/texts", "server_folder": "/mnt"}, "folder has a password"),
        ({"server_folder": "mnt"}, "server_folder='mnt' is not an absolute path"),
        ({"sql": "SELECT 1"}, "both source and sql"),
        ({"source": None}, "neither source nor sql"),
        ({"source": None, "sql": "SELECT 1"}, "sql_conn_id"),
        ({"prompt": None}, "has no prompt"),
        ({"answer": None}, "has no answer"),
        ({"answer": "{"}, "answer: '{' is not a template"),
        ({"prompt": "{question!r}"}, "something else than the name of a column"),
        ({"prompt": "{queston}?"}, "no column 'queston'(?s:.*)'question'"),
        ({"held_out": 0.95}, "held_out: Input should be less than or equal to 0.9"),
        ({"max_length": 128}, "max_prompt_length 256 leaves no room"),
        ({"too_long": "shorten"}, "too_long: Input should be 'fail', 'drop' or 'cut'"),
        ({"too_long": "drop"}, "too_long='drop' needs a tokenizer"),
        ({"group": "patient"}, "no column 'patient'"),
        ({"contract": {"prompt": "question", "answer": "answer"}}, "contract and answer are both given"),
        ({"preview": -1}, "preview=-1"),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_is_written(
    site: FakeFlow, shared: Path, source: Path, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says):
        task(shared, **({"source": source} | arguments)).run()
    assert list(shared.iterdir()) == []
    assert site.requests.count("/table/bind/path") == 0


def test_all_that_is_wrong_with_rows_is_told_at_once(site: FakeFlow, shared: Path, tmp_path: Path) -> None:
    bad = [dict(row) for row in ROWS]
    bad[3]["answer"] = "  "
    bad[7]["question"] = ""
    bad[11]["answer"] = "Ask for A123456789."
    source = jsonl(tmp_path / "bad.jsonl", [*bad, ROWS[0]])
    contract = {
        "prompt": "question",
        "answer": "answer",
        "duplicates": "fail",
        "forbidden": {"number of an insured person": r"\b[A-Z]\d{9}\b"},
    }
    with pytest.raises(AirflowFailException) as caught:
        task(shared, source=source, prompt=None, answer=None, contract=contract).run()
    told = str(caught.value)
    for line in (
        "row 4: no answer",
        "row 8: no prompt",
        "row 12: forbidden: number of an insured person",
        "row 61: there was the same before",
    ):
        assert line in told
    assert "A123456789" not in told, "what is forbidden is not told on"


# --- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_shows_what_the_model_will_see(
    site: FakeFlow, shared: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task(shared, source=source, prompt="Question: {question}\nAnswer:", preview=1).run()
    said = capsys.readouterr().out
    assert "| Question: What is " in said
    assert "\n| Answer:\n" in said
    assert "Tokens, estimated from the number of characters (no tokenizer was named)" in said


def test_no_row_is_in_the_log_where_nobody_wants_it(
    site: FakeFlow, shared: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task(shared, source=source, preview=0).run()
    said = capsys.readouterr().out
    assert "are to train with" in said
    assert "times" not in said


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer of bytes, which puts an end token behind each text as some do."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<end>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["What is two times two? It is four."], trainer)
    tokenizer.post_processor = processors.TemplateProcessing("$A <end>", special_tokens=[("<end>", 0)])
    tokenizer.enable_truncation(8)  # which is not to be taken for the texts' lengths
    tokenizer.enable_padding(length=64)
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_tokens_are_counted_by_the_models_own_tokenizer(
    site: FakeFlow, shared: Path, tmp_path: Path, model: Path
) -> None:
    rows = [*ROWS, {"question": "\u00e4" * 10, "answer": "\u75c5"}]
    result = task(shared, source=jsonl(tmp_path / "s.jsonl", rows), tokenizer=str(model)).run()
    assert result["tokens"]["counted"] is True
    assert result["tokens"]["longest"] == 23, "each of its bytes is a token; the one at the end does not count"
    assert result["tokenizer_sha256"] == hashlib.sha256((model / "tokenizer.json").read_bytes()).hexdigest()


def test_rows_with_too_many_tokens_are_refused_or_left_out(
    site: FakeFlow, shared: Path, tmp_path: Path, model: Path
) -> None:
    source = jsonl(tmp_path / "s.jsonl", [*ROWS, {"question": "\u75c5" * 80, "answer": "x"}])
    limits = {"max_length": 200, "max_prompt_length": 128, "tokenizer": model}
    with pytest.raises(AirflowFailException, match=r"row 61: more tokens(?s:.*)a prompt of 240 tokens"):
        task(shared, source=source, **limits).run()
    result = task(shared, source=source, too_long="drop", **limits).run()
    assert result["dropped"] == {"too long": 1}


def test_the_parties_may_agree_upon_a_tokenizer(site: FakeFlow, shared: Path, source: Path, model: Path) -> None:
    own = hashlib.sha256((model / "tokenizer.json").read_bytes()).hexdigest()
    contract = {"prompt": "question", "answer": "answer", "tokenizer_sha256": "0" * 64}
    given: dict[str, Any] = {"source": source, "prompt": None, "answer": None, "contract": contract}
    with pytest.raises(AirflowFailException, match="tokenizer_sha256 needs a tokenizer"):
        task(shared, **given).run()
    with pytest.raises(AirflowFailException, match=f"counted with .* has the checksum {own}"):
        task(shared, tokenizer=model, **given).run()
    contract["tokenizer_sha256"] = own
    assert task(shared, tokenizer=model, **given).run()["tokenizer_sha256"] == own


def test_a_file_that_is_no_tokenizer_is_refused(site: FakeFlow, shared: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": 1}')
    with pytest.raises(AirflowFailException, match=r"tokenizer='.*' cannot be read"):
        task(shared, source=source, tokenizer=tmp_path).run()


@pytest.mark.parametrize(
    ("tokenizer", "installed", "says"),
    [
        ("/models/gpt2", True, "this worker sees no tokenizer.json at /models/gpt2"),
        (None, False, r"airflow-provider-fate\[texts\]"),
    ],
)
def test_why_tokens_are_not_counted_is_said(
    site: FakeFlow,
    shared: Path,
    source: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tokenizer: str | None,
    installed: bool,
    says: str,
) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "tokenizers", None)
    result = task(shared, source=source, tokenizer=tokenizer or model).run()
    assert result["tokens"]["counted"] is False
    assert re.search(says, capsys.readouterr().out)
