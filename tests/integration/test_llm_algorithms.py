"""What the recipes of language models write is taken by the runners of the published FATE-LLM, and what breaks there.

Without FATE-Flow (``tests/support/fate_llm_parties.py``): a training of a tiny model takes seconds so, and the parties
speak by FATE's own federation. That FATE-Flow schedules such a job is shown by ``test_llm.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.jobs import (
    IA3,
    PDSS,
    FedKSeed,
    HomoLLM,
    InferDPT,
    LanguageModel,
    Lora,
    OffsiteTuning,
    Party,
    Prefix,
    Prompt,
    PTuning,
    QuestionSet,
    Recipe,
)
from airflow_provider_fate.llm.tiny import make_tiny_model
from airflow_provider_fate.local.installation import Installation
from airflow_provider_fate.local.progress import PlainLines

pytestmark = [pytest.mark.fate, pytest.mark.thorough, pytest.mark.timeout(900)]

PARTIES = Path(__file__).parents[1] / "support" / "fate_llm_parties.py"
REPAIRED = "fate:2.2.0-llm@local"
COLORS = ("red", "blue", "green", "black")
THINGS = ("coat", "hat", "scarf", "shirt")
CPU: dict[str, Any] = {"device": "cpu", "batch_size": 8, "log_every": 1}
TABLES: dict[str, Any] = {"guest": Party("9999", "texts.a"), "hosts": [Party("10000", "texts.b")], "arbiter": "10000"}

QUESTIONS = """
import json, sys
from datasets import Dataset, DatasetDict
rows = json.load(open(sys.argv[1]))
DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(sys.argv[2])
"""


@dataclass(frozen=True)
class Rig:
    """FATE-LLM's Python, a folder for models and one for this test."""

    python: Path
    models: Path
    folder: Path

    def model(self, family: Any) -> LanguageModel:
        """A tiny model that knows nothing."""
        texts = [f"What is the color of the {thing}? It is {color}." for thing in THINGS for color in COLORS]
        path = make_tiny_model(self.models, python=self.python, family=family, texts=texts)
        return LanguageModel(path=str(path), family=family)

    def run(self, recipe: Recipe, data: Path) -> dict[str, Any]:
        """What became of each party."""
        dag: Any = recipe.dag()["dag"]
        out = self.folder / "out"
        clients = [f"{g['role']}_{p}" for g in dag["parties"] for p in g["party_id"] if g["role"] != "arbiter"]
        job = {"dag": dag, "task": "llm_0", "session": uuid.uuid4().hex, "data": dict.fromkeys(clients, str(data))}
        (self.folder / "job.json").write_text(json.dumps(job))
        self._python([str(PARTIES), str(self.folder / "job.json"), str(out)], check=False)
        return {path.stem: json.loads(path.read_text()) for path in out.glob("*_*.json")}

    def questions(self) -> Path:
        """A data set like SciQ."""
        rows = [
            {"question": f"What color has the {thing}?", "support": f"The {thing} is {color}.", "correct_answer": color}
            for thing in THINGS
            for color in COLORS
        ]
        (self.folder / "rows.json").write_text(json.dumps(rows))
        self._python(["-c", QUESTIONS, str(self.folder / "rows.json"), str(self.folder / "sciq")])
        return self.folder / "sciq"

    def lines(self) -> Path:
        """Questions and answers as lines."""
        rows = [{"content": f"What color has the {t}?", "summary": f"It is {c}."} for t in THINGS for c in COLORS]
        path = self.folder / "texts.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def _python(self, arguments: list[str], *, check: bool = True) -> None:
        env = {"PATH": os.defpath, "HOME": str(self.folder), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        env |= dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1")
        subprocess.run([str(self.python), *arguments], env=env, cwd=self.folder, check=check, timeout=600)


@pytest.fixture(scope="session")
def llm_python() -> Path:
    return Installation.locate("llm").ensure(PlainLines(sys.__stderr__)).interpreter


@pytest.fixture(scope="session")
def llm_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def rig(llm_python: Path, llm_models: Path, tmp_path: Path) -> Rig:
    return Rig(llm_python, llm_models, tmp_path)


def errors(parties: dict[str, Any]) -> dict[str, Any]:
    return {name: party["error"] for name, party in parties.items() if party["error"]}


def trained(parties: dict[str, Any], *, learned: bool = True) -> None:
    """All parties have ended well, and guest and host have an adapter.

    :param learned: the loss has fallen, too.
    """
    assert errors(parties) == {}
    assert set(parties) == {"guest_9999", "host_10000", "arbiter_10000"}
    for name in ("guest_9999", "host_10000"):
        losses = parties[name]["losses"]
        assert len(losses) >= 4
        assert losses[-1] < losses[0] or not learned
        assert {"adapter_config.json", "adapter_model.safetensors"} <= set(parties[name]["files"])
        assert "pytorch_model.bin" not in parties[name]["files"]


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2", "opt", "bloom"])
def test_every_family_is_tuned(rig: Rig, family: str) -> None:
    recipe = HomoLLM(
        **TABLES,
        **CPU,
        model=rig.model(family),
        adapter=Lora(dropout=0),
        learning_rate=1e-2,
        max_prompt_length=32,
        max_length=64,
    )
    trained(rig.run(recipe, rig.lines()))


@pytest.mark.parametrize(
    "adapter", [Lora(targets="all-linear"), Prefix(tokens=4), Prompt(tokens=4), PTuning(tokens=4), IA3()]
)
def test_every_adapter_is_tuned(rig: Rig, adapter: Any) -> None:
    recipe = HomoLLM(
        **TABLES,
        **CPU,
        model=rig.model("gpt2"),
        adapter=adapter,
        learning_rate=3e-2,
        max_length=64,
        max_prompt_length=32,
        prompt_template="Question: {prompt}\nAnswer:",
        epochs=4,
    )
    # A model that knows nothing has nothing that a few tokens before the text could bring out of it.
    trained(rig.run(recipe, rig.lines()), learned=isinstance(adapter, Lora | Prefix))


@pytest.mark.parametrize("hosts", [[], TABLES["hosts"]])
def test_layers_of_a_model_that_stays_where_it_is_are_tuned(rig: Rig, hosts: list[Party]) -> None:
    recipe = OffsiteTuning(
        guest=TABLES["guest"],
        hosts=hosts,
        arbiter="10000",
        **{**CPU, "log_every": None},
        model=rig.model("gpt2"),
        texts=QuestionSet(layout="sciq", max_length=64),
        bottom_layers=1,
        top_layers=1,
        emulator_layers=2,
        epochs=2,
        learning_rate=1e-3,
    )
    parties = rig.run(recipe, rig.questions())
    assert errors(parties) == {}
    for name in ("guest_9999", "arbiter_10000"):
        assert "pytorch_model.bin" in parties[name]["files"]


def test_fedkseed_trains_and_cannot_save(rig: Rig) -> None:
    folder = rig.folder / "dolly"
    folder.mkdir()
    rows = [
        {"instruction": f"Name the color of the {t}.", "context": "", "response": c} for t in THINGS for c in COLORS
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = FedKSeed(
        **TABLES, **CPU, model=rig.model("gpt2"), provider=REPAIRED, seeds=8, rounds=2, max_length=64,
        pad_token="<|endoftext|>",
    )  # fmt: skip
    found = errors(rig.run(recipe, folder))
    assert found
    assert all("save_model" in error for name, error in found.items() if name != "arbiter_10000"), found


def inferdpt(rig: Rig) -> Recipe:
    return InferDPT(
        guest=TABLES["guest"], arbiter="10000", provider=REPAIRED, client="a:B", server="a:B",
        instruction="{perturbed_doc}", answer="{perturbed_response}",
    )  # fmt: skip


def pdss(rig: Rig) -> Recipe:
    return PDSS(
        guest=TABLES["guest"], arbiter="10000", provider=REPAIRED, client="a:B", server="a:B", model=rig.model("gpt2"),
        instruction="{perturbed_doc}", reason="{perturbed_response}", answer_prompt="{question}", answer="{question}",
        reason_prompt="{question}",
    )  # fmt: skip


@pytest.mark.parametrize("make", [inferdpt, pdss])
def test_what_needs_the_package_that_is_missing_does_not_start(rig: Rig, make: Callable[[Rig], Recipe]) -> None:
    found = errors(rig.run(make(rig), rig.questions()))
    assert set(found) == {"guest_9999", "arbiter_10000"}
    assert all("fate_llm.algo.inferdpt.init" in error for error in found.values()), found
