"""An adapter of FATE-LLM becomes a folder that others load: its weights, the base model's name, and no surprises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from airflow.providers.common.compat.sdk import AirflowFailException
from safetensors.numpy import load_file

from airflow_provider_fate.models.card import CardEvaluation, ModelCard
from airflow_provider_fate.operators.adapter import FateAdapterOperator
from airflow_provider_fate.operators.model_register import FateModelRegisterOperator
from tests.support.task import Task
from tests.unit.llm.adapters import SERVER, base, lora, packed
from tests.unit.operators.test_model_convert import exported

PROMPTS = {"item_name": "PromptDataset", "kwargs": {"prompt_template": "Ask: {prompt}", "text_max_length": 64}}


def made(package: Any, **arguments: Any) -> dict[str, Any]:
    given = {"base_model": "acme/tiny", **arguments}
    found: dict[str, Any] = Task(lambda: FateAdapterOperator(task_id="adapter", package=package, **given)).run()
    return found


@pytest.fixture
def package(tmp_path: Path) -> dict[str, Any]:
    return exported(packed(tmp_path, dataset=PROMPTS), tmp_path / "north")


def test_the_folder_holds_the_weights_and_names_the_base_model(package: dict[str, Any], tmp_path: Path) -> None:
    found = made(package, base_revision="main", base_folder=base(tmp_path / "gpt2"))

    folder = tmp_path / "north" / "adapter"
    assert found["target"] == found["adapter"] == str(folder)
    weights = load_file(folder / "adapter_model.safetensors")
    assert weights.keys() == lora().keys()
    assert all(np.array_equal(weights[name], value) for name, value in lora().items())
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("acme/tiny", "main")
    assert config["auto_mapping"] is None, "PEFT would import the module that it names"
    assert (config["r"], config["target_modules"], config["fan_in_fan_out"]) == (2, ["c_attn"], True)
    assert found["parameters"] == 2 * 2 * (8 + 24)
    prompt = json.loads((folder / "fate_prompt.json").read_text())
    assert (prompt["template"], prompt["max_prompt_length"], prompt["max_length"]) == ("Ask: {prompt}", 256, 64)
    assert SERVER not in "".join(file.read_text() for file in folder.iterdir() if file.suffix != ".safetensors")


def test_the_card_says_what_it_is_and_hubs_understand_its_head(package: dict[str, Any], tmp_path: Path) -> None:
    found = made(package, base_folder=base(tmp_path / "gpt2"))

    card = ModelCard.model_validate_json(Path(found["card"]).read_bytes())
    assert card.adapter is not None
    assert (card.adapter.kind, card.adapter.targets, card.adapter.base_architecture) == ("LORA", ("c_attn",), "gpt2")
    assert card.adapter.base_sha256
    assert card.adapter.tokenizer_sha256
    _, head, text = (tmp_path / "north/adapter/README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(head)
    assert (facts["base_model"], facts["library_name"]) == ("acme/tiny", "peft")
    assert "Nobody has looked at its answers" in text

    evaluation = CardEvaluation(
        texts="held.jsonl", texts_sha256="0" * 64, rows=9, answered=4, metrics={"perplexity": 2.5, "perplexity_base": 9}
    )
    assert card.evaluated(evaluation).metrics == {"perplexity": 2.5, "perplexity_base": 9}


def test_the_same_model_gives_the_same_bytes(package: dict[str, Any], tmp_path: Path) -> None:
    def bytes_of(found: dict[str, Any]) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in Path(found["target"]).iterdir()}

    assert bytes_of(made(package)) == bytes_of(made(package)) == bytes_of(made(package, target=tmp_path / "other"))


def test_a_base_model_without_a_name_is_its_folder(package: dict[str, Any], tmp_path: Path) -> None:
    folder = base(tmp_path / "gpt2", prefix="")  # names of files of some models leave the first part out
    found = made(package, base_model=folder)
    assert found["base_folder"] == found["base_model"] == str(folder)


def test_a_registry_takes_it(package: dict[str, Any], tmp_path: Path) -> None:
    found = made(package, base_folder=base(tmp_path / "gpt2"))

    def register() -> dict[str, Any]:
        registry = str(tmp_path / "registry")
        version: dict[str, Any] = Task(
            lambda: FateModelRegisterOperator(task_id="r", model=found, name="answers", registry=registry)
        ).run()
        return version

    version = register()
    assert (version["version"], version["adapter"], version["base_model"]) == (1, found["adapter"], "acme/tiny")
    assert version["adapter_sha256"] == found["adapter_sha256"]
    assert register()["version"] == 1


def test_prompts_laid_out_otherwise_are_not_guessed(tmp_path: Path) -> None:
    found = made(exported(packed(tmp_path, dataset={"item_name": "QaDataset"}), tmp_path / "north"))
    assert not (Path(found["target"]) / "fate_prompt.json").exists()


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_weights_of_other_widths_are_read(tmp_path: Path, kind: Any) -> None:
    found = made(exported(packed(tmp_path, lora(kind=kind)), tmp_path / "north"))
    assert {value.dtype for value in load_file(f"{found['target']}/adapter_model.safetensors").values()} == {
        np.dtype(kind)
    }


BROKEN = lora() | {"base_model.model.transformer.h.0.attn.c_attn.lora_A.weight": np.full((2, 8), np.nan, np.float32)}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tensors": BROKEN}, "values that are no numbers.*learning rate"),
        ({"tensors": lora(second=0.0)}, "changes nothing"),
        ({"tensors": {}}, "holds no tensors"),
        ({"tensors": {"x": np.ones(3, np.float32)}}, "has no lora_B"),
        ({"config": {"peft_type": "os.system"}}, "peft_type='os.system' is no kind of adapter"),
        ({"files": {"adapter_config.json": b"{"}}, "no JSON"),
        ({"files": {"adapter_config.json": b""}}, "holds 0 adapters.*save_trainable_weights_only"),
        ({"files": {"adapter_model.safetensors": b"nothing of the kind"}}, "no file of safetensors"),
        ({"files": {"adapter_model.safetensors": b""}}, "is not stored as adapter_model.safetensors"),
    ],
)
def test_what_is_no_adapter_of_use_is_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    package = exported(packed(tmp_path, **given), tmp_path / "north")
    with pytest.raises(AirflowFailException, match=f"(?s){said}"):
        made(package)
    assert not (tmp_path / "north" / "adapter").exists()


def test_another_base_model_is_refused(package: dict[str, Any], tmp_path: Path) -> None:
    def refused(said: str, **arguments: Any) -> None:
        with pytest.raises(AirflowFailException, match=f"(?s){said}"):
            made(package, **arguments)

    refused("changes transformer.h.0.attn.c_attn of 8 x 24, and it is 16 x 48", base_folder=base(tmp_path / "a", 16))
    refused("and there is none", base_folder=base(tmp_path / "b", prefix="model.layers."))
    refused("base_folder='/nowhere' is not a folder", base_folder="/nowhere")
    refused("base_model='' names no model", base_model="")
    pickled = base(tmp_path / "c")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    refused("only pickles.*safe_serialization", base_folder=pickled)
    (pickled / "config.json").unlink()
    refused("no config.json", base_folder=pickled)
    Path(package["card"]).unlink()
    refused("no card of the package")
    assert not (tmp_path / "north" / "adapter").exists()
