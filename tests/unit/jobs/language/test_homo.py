"""Federated instruction tuning: the job that the recipe makes."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_fate.errors import FateInvalidJobError
from airflow_provider_fate.jobs import (
    IA3,
    DeepSpeed,
    HomoLLM,
    LanguageModel,
    Lora,
    Party,
    Prefix,
    Prompt,
    PTuning,
    Recipe,
    check_dag,
    load_dag,
)
from tests.unit.jobs.language.recorded import MODELS, differences, made

TABLES: dict[str, Any] = {
    "guest": Party("9999", "experiment.ad_guest"),
    "hosts": [Party("10000", "experiment.ad_host")],
    "arbiter": "10000",
}
RECORDED: dict[str, Any] = {
    **TABLES,
    "adapter": Lora(r=4, alpha=8, dropout=0.0),
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 5e-3,
    "device": "cpu",
    "log_every": None,
    "task_timeout": None,
}
LENGTHS = {"text_max_length", "max_prompt_length", "prompt_column", "response_column"}
FURTHER = {"report_to", "lr_scheduler_type", "seed"}


def model(family: str = "gpt2", name: str | None = None, **changes: Any) -> LanguageModel:
    return LanguageModel(path=f"{MODELS}/tiny_{name or family}", family=family, **changes)


def nn(recipe: Recipe) -> dict[str, Any]:
    dag: Any = recipe.dag()["dag"]
    found: dict[str, Any] = dag["tasks"]["llm_0"]["parameters"]["runner_conf"]
    return found


@pytest.mark.parametrize(
    ("family", "name"), [("gpt2", "gpt2"), ("llama", "llama"), ("qwen2", "qwen"), ("opt", "opt"), ("bloom", "bloom")]
)
def test_the_job_is_the_recorded_one_that_ran(family: str, name: str) -> None:
    missing, more, other = differences(HomoLLM(**RECORDED, model=model(family, name)), f"homo_{name}")
    assert missing <= {"logging_dir"}  # which is a folder of the client's
    assert more - {"disable_tqdm", "per_device_train_batch_size", "predict_with_generate"} == LENGTHS | FURTHER
    assert other == set()


def test_the_job_on_gpus_is_the_recorded_one() -> None:
    recipe = HomoLLM(
        **{**RECORDED, "device": "auto"},
        model=model(),
        precision="fp16",
        launcher=DeepSpeed(gpus=1, zero_stage=2, offload=True),
    )
    missing, more, other = differences(recipe, "deepspeed")
    # The optimizer is transformers' own, as without GPUs, and DeepSpeed's buffers are as it sets them.
    assert missing == {
        *("type", "lr", "torch_adam", "adam_w_mode", "overlap_comm", "reduce_scatter", "contiguous_gradients"),
        *("allgather_partitions", "allgather_bucket_size", "reduce_bucket_size", "device"),
    }
    assert more - LENGTHS - FURTHER == {"cores", "timeout_seconds", "resource_exhausted_strategy", "enabled"}
    assert other == {"enabled", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps"}
    values = made(recipe)
    for party in ("guest_9999", "host_10000"):
        assert values[f"party_tasks.{party}.tasks.llm_0.conf.launcher_name"] == "deepspeed"
    assert not any(path.startswith("party_tasks.arbiter") for path in values)


def test_a_launcher_does_not_wait_for_gpus_until_tomorrow() -> None:
    recipe = HomoLLM(**TABLES, model=model(), launcher=DeepSpeed(gpus=4, start_timeout=300, when_busy="throw_error"))
    run = recipe.dag()["dag"]["party_tasks"]["host_10000"]["tasks"]["llm_0"]["conf"]["engine_run"]  # type: ignore[index]
    assert run == {"cores": 4, "timeout_seconds": 300, "resource_exhausted_strategy": "throw_error"}
    assert recipe.gpus == 4


@pytest.mark.parametrize(("changes", "gpus"), [({}, 1), ({"device": "cpu"}, 0), ({"launcher": DeepSpeed(gpus=8)}, 8)])
def test_it_is_known_how_many_gpus_a_job_takes(changes: dict[str, Any], gpus: int) -> None:
    assert HomoLLM(**TABLES, model=model(), **changes).gpus == gpus


def test_each_party_has_its_own_path() -> None:
    own = LanguageModel(path={"9999": "/a/gpt2", "10000": "/b/gpt2"}, family="gpt2", tokenizer="/t/gpt2")
    values = made(HomoLLM(**TABLES, model=own))
    conf = "tasks.llm_0.parameters.runner_conf"
    for role, path in (("guest_9999", "/a/gpt2"), ("host_10000", "/b/gpt2")):
        at = f"party_tasks.{role}.{conf}"
        assert values[f"{at}.model_conf.kwargs.pretrained_path"] == path
        assert values[f"{at}.dataset_conf.kwargs.tokenizer_name_or_path"] == "/t/gpt2"
    assert f"{conf}.algo" not in values


def test_a_provider_runs_the_training_and_not_the_reader() -> None:
    dag: Any = HomoLLM(**TABLES, model=model(), provider="fate:2.2.0-llm@local").dag()["dag"]
    assert dag["tasks"]["llm_0"]["conf"] == {"provider": "fate:2.2.0-llm@local"}
    assert "provider" not in dag["conf"]["task"]
    assert "conf" not in dag["tasks"]["reader_0"]


@pytest.mark.parametrize(
    ("adapter", "name", "conf"),
    [
        (Lora(targets="all-linear", rslora=True), "LoraConfig", {"target_modules": "all-linear", "use_rslora": True}),
        (Prefix(tokens=7), "PrefixTuningConfig", {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 7}),
        (Prompt(), "PromptTuningConfig", {"peft_type": "PROMPT_TUNING", "prompt_tuning_init": "RANDOM"}),
        (Prompt(text="Answer"), "PromptTuningConfig", {"tokenizer_name_or_path": f"{MODELS}/tiny_gpt2"}),
        (PTuning(hidden=32), "PromptEncoderConfig", {"peft_type": "P_TUNING", "encoder_hidden_size": 32}),
        (IA3(), "IA3Config", {"target_modules": ["c_attn", "mlp.c_proj"], "feedforward_modules": ["mlp.c_proj"]}),
    ],
)
def test_adapters_are_described_as_peft_takes_them(adapter: Any, name: str, conf: dict[str, Any]) -> None:
    kwargs = nn(HomoLLM(**TABLES, model=model(), adapter=adapter))["model_conf"]["kwargs"]
    assert kwargs["peft_type"] == name
    assert kwargs["peft_config"].items() >= {"task_type": "CAUSAL_LM", "inference_mode": False, **conf}.items()


def test_only_the_adapter_is_kept_and_the_device_is_said() -> None:
    conf = nn(HomoLLM(**TABLES, model=model(), device="cpu"))
    assert conf["save_trainable_weights_only"] is True
    assert conf["training_args_conf"]["use_cpu"] is True
    assert nn(HomoLLM(**TABLES, model=model()))["training_args_conf"]["use_cpu"] is False


def test_it_survives_yaml_and_templates() -> None:
    recipe = HomoLLM(**TABLES, model=model(), adapter=Prefix(tokens=5), epochs="{{ params.epochs }}")
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    rendered = HomoLLM.model_validate({**recipe.model_dump(), "epochs": "4"})
    assert nn(rendered)["training_args_conf"]["num_train_epochs"] == 4
    assert load_dag(rendered.serialize()) == rendered.dag()


def test_party_ids_and_paths_come_from_templates() -> None:
    recipe = HomoLLM(**TABLES, model=LanguageModel(path="{{ var.value.model }}", family="gpt2"))
    dumped = recipe.model_dump()
    dumped["model"]["path"] = "/data/gpt2"
    assert nn(HomoLLM.model_validate(dumped))["model_conf"]["kwargs"]["pretrained_path"] == "/data/gpt2"
    dumped["model"]["path"] = "gpt2"
    with pytest.raises(FateInvalidJobError, match=r"model\.path = 'gpt2'"):
        HomoLLM.model_validate(dumped)


def test_the_checks_of_jobs_have_nothing_to_say() -> None:
    assert check_dag(HomoLLM(**TABLES, model=model()).dag(), party_id="9999", cores=2) == []
