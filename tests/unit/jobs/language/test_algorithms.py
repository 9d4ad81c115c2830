"""The other algorithms of FATE-LLM: the jobs that the recipes make, against those that ran."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_fate.jobs import (
    FDKT,
    PDSS,
    DeepSpeed,
    FedKSeed,
    FedMKT,
    InferDPT,
    LanguageModel,
    Lora,
    MarketModel,
    ModelEndpoint,
    OffsiteTuning,
    Party,
    QuestionSet,
    Recipe,
    check_dag,
)
from tests.unit.jobs.language.recorded import MODELS, differences, made, recorded

REPAIRED = "fate:2.2.0-llm@local"
GPT2 = LanguageModel(path=f"{MODELS}/tiny_gpt2", family="gpt2")
FURTHER = {"report_to", "lr_scheduler_type", "seed"}
CPU: dict[str, Any] = {"device": "cpu", "log_every": None, "task_timeout": None, "batch_size": 8}


def party(party_id: str, table: str) -> Party:
    return Party(party_id, f"experiment.{table}")


def offsite(**changes: Any) -> OffsiteTuning:
    fields: dict[str, Any] = {
        **CPU,
        "guest": party("9999", "sciq"),
        "arbiter": "10000",
        "model": GPT2,
        "texts": QuestionSet(rows=32),
        "bottom_layers": 1,
        "top_layers": 1,
        "emulator_layers": 2,
        "epochs": 1,
        "learning_rate": 1e-3,
    }
    return OffsiteTuning(**{**fields, **changes})


def kseed(**changes: Any) -> FedKSeed:
    fields: dict[str, Any] = {
        **CPU,
        "guest": party("9999", "dolly"),
        "hosts": [party("10000", "dolly")],
        "arbiter": "10000",
        "model": LanguageModel(path=f"{MODELS}/tiny_gpt2"),
        "provider": REPAIRED,
        "seeds": 16,
        "rounds": 2,
        "learning_rate": 1e-4,
        "max_length": 128,
    }
    return FedKSeed(**{**fields, **changes})


def market(**changes: Any) -> FedMKT:
    def one(family: Any, size: int, part: str, *, mapped: bool = True) -> MarketModel:
        maps = {"to_llm": f"{family}_to_llama", "from_llm": f"llama_to_{family}"} if mapped else {}
        files = {name: f"{MODELS}/vocab_map/{file}.json" for name, file in maps.items()}
        model = LanguageModel(path=f"{MODELS}/tiny_{family}", family=family, pad_token_id=None)
        return MarketModel(model=model, vocab_size=size, part=part, **files)

    fields: dict[str, Any] = {
        **CPU,
        "guest": party("9999", "arc_challenge"),
        "hosts": [party("10000", "arc_challenge")],
        "arbiter": "10000",
        "llm": one("llama", 468, "train", mapped=False),
        "slms": {"9999": one("gpt2", 466, "client_0"), "10000": one("opt", 469, "client_1")},
        "public": QuestionSet(layout="arc_challenge", part="common", max_length=128),
        "private": QuestionSet(layout="arc_challenge", max_length=128),
        "public_path": f"{MODELS}/data/arc_challenge",
        "adapter": Lora(r=4, alpha=8, dropout=0.0),
        "provider": REPAIRED,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "rounds": 1,
        "top_k": 32,
    }
    return FedMKT(**{**fields, **changes})


def fdkt(**changes: Any) -> FDKT:
    fields: dict[str, Any] = {
        **CPU,
        "guest": party("9999", "yelp.json"),
        "arbiter": "10000",
        "model": LanguageModel(path=f"{MODELS}/tiny_gpt2", pad_token_id=0),
        "llm": ModelEndpoint(url="http://127.0.0.1:9490/v1/", model="stub"),
        "embedding_model": f"{MODELS}/tiny_st",
        "llm_tokenizer": f"{MODELS}/tiny_gpt2",
        "layout": "yelp_review",
        "provider": REPAIRED,
        "learning_rate": 0.01,
        "texts_per_label": 6,
        "max_length": 64,
        "prompts": 4,
    }
    return FDKT(**{**fields, **changes})


def inferdpt(**changes: Any) -> InferDPT:
    fields: dict[str, Any] = {
        "guest": party("9999", "arc_challenge"),
        "arbiter": "10000",
        "client": "tiny_inferdpt_init:Client",
        "server": "tiny_inferdpt_init:Server",
        "instruction": "explain: {perturbed_doc}",
        "answer": "{perturbed_response} answer: {question}",
        "remote_arguments": {"max_new_tokens": 8, "pad_token_id": 0},
        "local_arguments": {"max_new_tokens": 8, "pad_token_id": 0},
        "provider": REPAIRED,
        "task_timeout": None,
    }
    return InferDPT(**{**fields, **changes})


def pdss(**changes: Any) -> PDSS:
    fields: dict[str, Any] = {
        "guest": party("9999", "arc_challenge"),
        "arbiter": "10000",
        "client": "hospital.pdss:Client",
        "server": "hospital.pdss:Server",
        "model": GPT2,
        "instruction": "Explain step by step: {perturbed_doc}",
        "reason": "{perturbed_response} {question}",
        "answer_prompt": "[predict] {question}",
        "answer": "{label}",
        "reason_prompt": "[explain] {question}",
        "provider": REPAIRED,
    }
    return PDSS(**{**fields, **changes})


ALL = [offsite, kseed, market, fdkt, inferdpt, pdss]


def test_offsite_tuning_is_the_recorded_job() -> None:
    assert differences(offsite(), "ot") == (set(), FURTHER, set())


def test_with_hosts_what_is_trained_is_averaged() -> None:
    recipe = offsite(hosts=[party("10000", "sciq")])
    assert differences(recipe, "ot_agg") == (set(), FURTHER, set())
    averaged = [value for path, value in made(recipe).items() if path.endswith("aggregate_model")]
    assert averaged == [True, True, True]


def test_fedkseed_is_the_recorded_job() -> None:
    assert differences(kseed(), "fedkseed") == (set(), FURTHER | {"provider", "eps", "grad_clip"}, set())


def test_fedmkt_is_the_recorded_job() -> None:
    assert differences(market(), "fedmkt") == (set(), FURTHER | {"provider"}, set())


@pytest.mark.parametrize(("private", "name"), [(True, "fdkt"), (False, "fdkt_nodp")])
def test_fdkt_is_the_recorded_job(private: bool, name: str) -> None:
    missing, more, other = differences(fdkt(private=private), name)
    assert missing == {"api_key"}  # which all parties would see
    more -= {"learning_rate", "pad_token_id"} | FURTHER  # which the optimizer and the tokenizer have, too
    assert more == {"disable_tqdm", "top_p"} | ({"target_epsilon", "target_delta"} if private else set())
    assert other <= {"max_tokens", "api_url"}


def test_inferdpt_is_the_recorded_job() -> None:
    assert differences(inferdpt(), "inferdpt") == (set(), set(), set())
    assert "{{perturbed_response}} answer: {{question}}" in recorded("inferdpt").values()


def test_pdss_speaks_to_the_runner_of_its_variant() -> None:
    for variant, module, name in (("pdss", "pdss", "PDSSRunner"), ("fedcot", "fedcot", "FedCoTRunner")):
        values = made(pdss(variant=variant))
        assert values["tasks.llm_0.parameters.runner_module"] == f"{module}_runner"
        assert values["tasks.llm_0.parameters.runner_class"] == name
        conf = "party_tasks.guest_9999.tasks.llm_0.parameters.runner_conf"
        assert values[f"{conf}.dataset_conf.module_name"] == f"fate_llm.dataset.{module}_dataset"
        assert values[f"{conf}.data_collator_conf.module_name"] == f"fate_llm.data.data_collator.{module}_collator"
        assert values[f"{conf}.instruction_template"] == "Explain step by step: {{perturbed_doc}}"


@pytest.mark.parametrize(
    ("make", "launched"),
    [(offsite, {"guest_9999"}), (market, {"guest_9999", "host_10000", "arbiter_10000"}), (pdss, {"guest_9999"})],
)
def test_a_launcher_starts_those_who_train(make: Any, launched: set[str]) -> None:
    values = made(make(device="auto", launcher=DeepSpeed(gpus=2)))
    paths = {path.split(".")[1] for path in values if path.endswith("conf.launcher_name")}
    settings = {path.split(".")[1] for path in values if ".deepspeed." in path}
    assert paths == settings == launched


@pytest.mark.parametrize("make", ALL)
def test_every_job_passes_the_checks_and_survives_yaml(make: Any) -> None:
    recipe = make()
    assert check_dag(recipe.dag(), party_id="9999") == []
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert Recipe.from_mapping(recipe.serialize()) == recipe
