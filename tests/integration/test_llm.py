"""Two hospitals tune an adapter of a language model with a real FATE-LLM, and what comes out is loaded and asked.

The base model is made on the spot. It can write an answer, and does not know which one belongs to a note; each hospital
has only half of the complaints. What neither of them has is in the adapter.
"""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.jobs import HomoLLM, LanguageModel, Lora, Party
from airflow_provider_fate.llm.tiny import TinyModel, make_tiny_model
from airflow_provider_fate.metrics import JobMetrics
from airflow_provider_fate.models.package import open_package
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.metrics import FateMetricsOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from tests.support.fate import RunningFate
from tests.support.task import CONN_ID, Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parents[2]
LOOK = ROOT / "tests" / "support" / "llm_look.py"
NORTH, SOUTH = "9999", "10000"
CLIENTS = (("guest", NORTH, "north"), ("host", SOUTH, "south"))
PATIENCE = 900
"""Seconds for a job on a busy two-core machine."""
EPOCHS, STEPS = 8, 150


def load_example() -> ModuleType:
    """The notes of the example, which lie in `dags/`."""
    spec = spec_from_file_location("example_notes", ROOT / "dags" / "example_notes.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_lines(table: str) -> Path:
    """The notes as FATE-LLM reads them."""
    path = Path(table).with_suffix(".jsonl")
    with open(table, newline="") as file:
        lines = [json.dumps({"content": row["note"], "summary": row["answer"]}) for row in csv.DictReader(file)]
    path.write_text("\n".join(lines) + "\n")
    return path


def tuning(base: Path) -> HomoLLM:
    """The job."""
    return HomoLLM(
        guest=Party(NORTH, "notes.north"),
        hosts=[Party(SOUTH, "notes.south")],
        model=LanguageModel(path=str(base), family="gpt2"),
        adapter=Lora(dropout=0.0, targets=["c_attn", "c_proj", "c_fc"]),
        epochs=EPOCHS,
        batch_size=8,
        learning_rate=1e-2,
        log_every=4,
        device="cpu",
    )


@dataclass(frozen=True)
class Tuned:
    """A job that has tuned an adapter."""

    base: Path
    held_out: Path
    result: dict[str, Any]


@pytest.fixture(scope="module")
def base(fate_llm: RunningFate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    texts = load_example().what_everybody_knows()
    return make_tiny_model(folder, python=fate_llm.local.installation.interpreter, texts=texts, steps=STEPS)


@pytest.fixture(scope="module")
def tuned(fate_llm: RunningFate, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuned]:
    """The job, run by the operator as a task of Airflow."""
    files = {side: as_lines(table) for side, table in load_example().write_notes(tmp_path_factory.mktemp("n")).items()}
    with FlowClient(FlowSettings(host=fate_llm.host, port=fate_llm.port, timeout=60)) as flow:
        for _, _, side in CLIENTS:
            flow.table.bind_path("notes", side, str(files[side]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", fate_llm.airflow_connection)
        task = Task(partial(FateJobOperator, task_id="tune", fate_conn_id=CONN_ID, job=tuning(base)))
        yield Tuned(base, files["held_out"], task.run(PATIENCE))


@pytest.fixture(autouse=True)
def site(fate_llm: RunningFate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", fate_llm.airflow_connection)


def adapter_of(fate: RunningFate, job_id: str, role: str, party: str) -> Path:
    """Where FATE-LLM has written the adapter of a party."""
    place = fate.home / "jobs" / job_id / role / party / "llm_0"
    (weights,) = place.rglob("adapter_model.safetensors")
    return weights.parent


def unpacked(package: Path, folder: Path) -> Path:
    """The adapter of a package, as a folder."""
    folder.mkdir()
    opened = open_package(package)
    part = opened.part("llm_0")
    for file in part.files:
        with opened.open(part, file) as content:
            (folder / Path(file.path).name).write_bytes(content.read())
    return folder


@pytest.fixture(scope="module")
def looked(fate_llm: RunningFate, tuned: Tuned, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What peft makes of the base model, of the adapters as FATE-LLM has written them, and of what was exported."""
    folder = tmp_path_factory.mktemp("look")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", fate_llm.airflow_connection)
        told = Task(
            partial(FateModelExportOperator, task_id="export", fate_conn_id=CONN_ID, model=tuned.result,
                    target=str(folder / "package"))
        ).run()  # fmt: skip
    adapters = {role: str(adapter_of(fate_llm, tuned.result["job_id"], role, party)) for role, party, _ in CLIENTS}
    adapters["exported"] = str(unpacked(Path(told["package"]), folder / "exported"))
    request, answer = folder / "request.json", folder / "answer.json"
    request.write_text(json.dumps({"base": str(tuned.base), "adapters": adapters, "texts": str(tuned.held_out)}))
    done = subprocess.run(
        [fate_llm.local.installation.interpreter, LOOK, request, answer],
        capture_output=True, text=True, check=False, env={"PATH": os.defpath, "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(answer.read_text()))


@pytest.mark.usefixtures("tuned")
def test_workers_are_forked_from_a_process_that_has_everything_imported(fate_llm: RunningFate) -> None:
    said = (fate_llm.logs_dir / "zygote.out").read_text()
    assert "ready after" in said
    assert "not used" not in said
    assert "not preloaded" not in said


def test_the_base_model_is_made_once(fate_llm: RunningFate, base: Path) -> None:
    made = TinyModel.read(base)
    assert made is not None
    assert made.loss is not None
    assert made.loss < 1 < math.log(made.vocabulary), "it has learned how notes are written"
    before = (base / "model.safetensors").stat()
    again = make_tiny_model(
        base.parent, python=fate_llm.local.installation.interpreter, texts=load_example().what_everybody_knows(),
        steps=STEPS,
    )  # fmt: skip
    assert again == base
    assert (base / "model.safetensors").stat() == before


@pytest.mark.parametrize(("role", "party"), [(role, party) for role, party, _ in CLIENTS])
def test_the_loss_falls_at_each_hospital(tuned: Tuned, tmp_path: Path, role: str, party: str) -> None:
    told = Task(
        partial(FateMetricsOperator, task_id="metrics", fate_conn_id=CONN_ID, job=tuned.result["job_id"],
                target=str(tmp_path), role=role, party_id=party)
    ).run()  # fmt: skip
    curve = JobMetrics.read(told["json"]).curve("loss")
    assert len(curve.y) >= EPOCHS, "a loss per step that is logged"
    assert curve.y[-1] < curve.y[0] / 2


def test_the_last_loss_is_in_the_result_of_the_task(tuned: Tuned) -> None:
    assert tuned.result["status"] == "success"
    assert 0 < tuned.result["metrics"]["llm_0.loss"] < 2


def test_the_exported_adapter_gives_the_logits_that_were_trained(looked: dict[str, Any]) -> None:
    apart = looked["apart"]
    assert apart["guest exported"] <= 1e-5
    assert apart["guest host"] <= 1e-5, "both have the average"
    assert apart["base exported"] > 0.1, "and it is something else than the base model"


def test_the_adapter_knows_what_each_hospital_alone_could_not(looked: dict[str, Any]) -> None:
    base, exported = looked["base"], looked["exported"]
    assert math.exp(exported["loss"]) < math.exp(base["loss"])
    assert base["right"] <= 0.25, "it guesses"
    assert exported["right"] > 0.6, "half of the complaints are known to either hospital"
