"""What a preflight sees of a language model's files: all of it, or that it sees nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FatePreflightError
from airflow_provider_fate.jobs.model_files import language_tasks
from airflow_provider_fate.llm.folder import ModelFolder, TokenizerFolder
from airflow_provider_fate.operators.preflight import FatePreflightOperator
from tests.support.fake_flow import FakeFlow
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task, connect

CONFIG = {"model_type": "gpt2", "n_positions": 1024, "vocab_size": 4}
TOKENIZER = {"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 3, "content": "<end>"}]}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder like a model's; nothing here loads it."""
    folder = tmp_path / "tiny_gpt2"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / "train.jsonl"
    file.write_text('{"content": "q", "summary": "a"}\n')
    return file


@pytest.fixture
def site(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch, texts: Path) -> FakeFlow:
    for name in ("guest", "host"):
        fake_flow.tables.add(Table("letters", name, "data_directory", path=str(texts)))
    connect(monkeypatch, fake_flow, cores=32)
    return fake_flow


def job(model: Path | str, **texts: Any) -> dict[str, Any]:
    """A job of FATE-LLM, as its client writes it."""
    parties = [{"role": "guest", "party_id": ["9999"]}, {"role": "host", "party_id": ["10000"]}]
    arbiter = {"role": "arbiter", "party_id": ["10000"]}
    path = str(model)
    conf = {
        "model_conf": {"kwargs": {"pretrained_path": path}},
        "dataset_conf": {"item_name": "PromptDataset", "kwargs": {"tokenizer_name_or_path": path, **texts}},
        "data_collator_conf": {"kwargs": {"tokenizer_name_or_path": path}},
    }
    channel = {"producer_task": "reader_0", "output_artifact_key": "output_data", "parties": parties}
    return {
        "schema_version": "2.2.0",
        "kind": "fate",
        "dag": {
            "parties": [*parties, arbiter],
            "stage": "train",
            "conf": {"task": {"engine_run": {"cores": 1}}},
            "party_tasks": {
                f"{party['role']}_{party['party_id'][0]}": {
                    "parties": [party],
                    "tasks": {"reader_0": {"parameters": {"namespace": "letters", "name": party["role"]}}},
                }
                for party in parties
            },
            "tasks": {
                "reader_0": {"component_ref": "reader", "stage": "default", "parties": parties, "parameters": {}},
                "llm_0": {
                    "component_ref": "homo_nn",
                    "dependent_tasks": ["reader_0"],
                    "parameters": {
                        "runner_module": "homo_seq2seq_runner",
                        "runner_class": "Seq2SeqRunner",
                        "runner_conf": conf,
                    },
                    "inputs": {"data": {"train_data": {"task_output_artifact": channel}}, "model": {}},
                },
            },
        },
    }


def look(given: dict[str, Any]) -> dict[str, tuple[str, str]]:
    task = Task(lambda: FatePreflightOperator(task_id="preflight", job=given, fate_conn_id=CONN_ID, timeout=20))
    try:
        found = task.run()
    except FatePreflightError:
        found = task.ti.xcoms["checks"]
    return {check["name"]: (check["result"], check["found"]) for check in found["checks"]}


def test_files_that_the_worker_sees_are_looked_into(site: FakeFlow, model: Path, texts: Path) -> None:
    seen = look(job(model))
    assert seen[f"model {model}"] == ("pass", "gpt2, 4 tokens, rows of up to 1024")
    assert seen[f"tokenizer {model}"] == ("pass", "4 tokens")
    assert seen["table letters.guest"] == ("pass", f"bound to {texts}, 33 bytes of texts")
    assert seen["table letters.host"][0] == "pass"


def test_files_that_it_does_not_see_are_no_fault(site: FakeFlow, monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    seen = look(job("/data/models/gpt2"))
    assert seen["model /data/models/gpt2"] == (
        "warn",
        "this worker does not see /data/models/gpt2; the site's machines may",
    ), "the connection leads to this machine"
    monkeypatch.setattr("airflow_provider_fate.site.preflight.models_on_disk._is_here", lambda host: False)
    assert look(job("/data/models/gpt2"))["model /data/models/gpt2"][0] == "unknown"
    assert look(job("gpt2"))["model gpt2"] == ("warn", "it is no absolute path: FATE-LLM would ask a model hub for it")


def _no_config(model: Path, texts: Path) -> None:
    (model / "config.json").unlink()


def _no_weights(model: Path, texts: Path) -> None:
    (model / "model.safetensors").unlink()


def _pointer(model: Path, texts: Path) -> None:
    (model / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def _no_shard(model: Path, texts: Path) -> None:
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "model-00002.safetensors"}}))


def _short(model: Path, texts: Path) -> None:
    (model / "config.json").write_text(json.dumps(CONFIG | {"n_positions": 512}))


def _no_tokenizer(model: Path, texts: Path) -> None:
    (model / "tokenizer.json").unlink()


def _large_tokenizer(model: Path, texts: Path) -> None:
    (model / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": 3}))


def _no_rows(model: Path, texts: Path) -> None:
    texts.write_text("content,summary\n")


def _folder(model: Path, texts: Path) -> None:
    texts.unlink()
    texts.mkdir()


@pytest.mark.parametrize(
    ("harm", "check", "says"),
    [
        (_no_config, "model", "no config.json"),
        (_no_weights, "model", "no weights"),
        (_pointer, "model", "pointer of Git LFS"),
        (_no_shard, "model", "model-00002.safetensors is missing"),
        (_short, "model", "it takes rows of 512 tokens, and a row of the job has up to 513"),
        (_no_tokenizer, "tokenizer", "no tokenizer"),
        (_large_tokenizer, "tokenizer", "it has 4 tokens, and the model"),
        (_no_rows, "table", "no JSON object with content and summary"),
        (_folder, "table", "which is no file"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_would_fail_after_an_hour_fails_now(
    site: FakeFlow, model: Path, texts: Path, harm: Any, check: str, says: str
) -> None:
    harm(model, texts)
    name = {"table": "table letters.guest"}.get(check, f"{check} {model}")
    result, found = look(job(model))[name]
    assert result == "fail"
    assert says in found


def test_the_columns_are_those_that_the_job_names(site: FakeFlow, model: Path) -> None:
    seen = look(job(model, prompt_column="question", response_column="answer"))["table letters.guest"]
    assert seen[0] == "fail"
    assert "with question and answer" in seen[1]


def test_what_a_party_is_told_takes_the_place_of_what_all_are_told(model: Path) -> None:
    told = job(model)
    told["dag"]["party_tasks"]["host_10000"]["tasks"]["llm_0"] = {
        "parameters": {"runner_conf": {"model_conf": {"kwargs": {"pretrained_path": "/models/gpt2"}}}}
    }
    found = {task.role: (task.models, task.tokenizers, task.texts) for task in language_tasks(told)}
    assert found["guest"][0] == [str(model)]
    assert found["host"] == (["/models/gpt2"], [], None)


def test_other_networks_have_no_such_files() -> None:
    given = job("/data/gpt2")
    given["dag"]["tasks"]["llm_0"]["parameters"]["runner_conf"] = {"model_conf": {"module_name": "Sequential"}}
    assert list(language_tasks(given)) == []


def test_tokenizers_of_other_kinds(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text("{}")
    assert list(TokenizerFolder(tmp_path).problems())
    (tmp_path / "merges.txt").write_text("")
    assert not list(TokenizerFolder(tmp_path).problems())
    assert TokenizerFolder(tmp_path).size() is None
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": [["a", -1.0], ["b", -2.0]]}}))
    assert TokenizerFolder(tmp_path).size() == 2


def test_a_config_that_says_little(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": True}))
    seen = ModelFolder.at(tmp_path)
    assert (seen.kind, seen.positions, seen.vocabulary) == ("unknown", None, None)
