"""What would fail a night later is refused before anything is submitted: with field, value, reason and way out."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_fate.errors import FateInvalidJobError
from airflow_provider_fate.jobs import IA3, DeepSpeed, HomoLLM, LanguageModel, Lora, ModelEndpoint, Party, Prefix
from tests.unit.jobs.language.test_algorithms import GPT2, fdkt, inferdpt, kseed, market, offsite, pdss

HOSTS = [Party("10000", "texts.b")]


def homo(**changes: Any) -> HomoLLM:
    fields: dict[str, Any] = {"guest": Party("9999", "texts.a"), "hosts": HOSTS, "model": GPT2, "device": "cpu"}
    return HomoLLM(**{**fields, **changes})


def model(**changes: Any) -> dict[str, Any]:
    return {"path": "/data/gpt2", "family": "gpt2", **changes}


SEVEN = {"path": "/data/llama-7b", "family": "llama", "parameters": 7e9}

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    # what is wrong: the change, the field, and words of reason or way out
    "a name of a hub": ({"model": model(path="gpt2-medium")}, "model.path", "takes no names of a model hub"),
    "a path out of the folder": ({"model": model(path="/data/../gpt2")}, "model.path", "not an absolute path"),
    "a party without the model": (
        {"model": model(path={"9999": "/gpt2"})},
        "model.path.10000",
        "Give one path for all",
    ),
    "a path for nobody": (
        {"model": model(path={"9999": "/gpt2", "10000": "/gpt2", "10001": "/gpt2"})},
        "model.path.10001",
        "no use for it",
    ),
    "no architecture": ({"model": {"path": "/data/gpt2"}}, "model.family", "One of: gpt2, llama"),
    "an unknown architecture": ({"model": model(family="mistral")}, "model.family", "'qwen2'"),
    "no padding token": ({"model": model(path="/data/base")}, "model.path", "Set pad_token_id"),
    "a padding token that is not taken": ({"model": model(pad_token_id=3)}, "model.pad_token_id", "'gpt2' in it"),
    "code that nobody agreed to": (
        {"model": {"path": "/data/chatglm", "family": "chatglm"}},
        "model.trust_remote_code",
        "Review that code",
    ),
    "layers of another model": ({"adapter": Lora(targets=["q_proj"])}, "adapter.targets.0", "Did you mean 'c_proj'?"),
    "layers that IA3 does not rescale": (
        {"adapter": IA3(targets=["c_attn"], feedforward=["mlp.c_proj"])},
        "adapter.feedforward.0",
        "Targets: c_attn",
    ),
    "an adapter of no kind": ({"adapter": {"kind": "lroa"}}, "adapter", "'lora', 'prefix'"),
    "a rank of nothing": ({"adapter": {"kind": "lora", "r": 0}}, "adapter.lora.r", "greater than or equal to 1"),
    "no room for the answer": ({"max_length": 256}, "max_prompt_length", "a larger max_length"),
    "rows longer than the model": (
        {"model": model(positions=512), "adapter": Prefix(tokens=20)},
        "model.positions",
        "533 tokens",
    ),
    "a template without the question": ({"prompt_template": "Answer:"}, "prompt_template", "Write {prompt}"),
    "a template with another column": (
        {"prompt_template": "{title}: {prompt}"},
        "prompt_template",
        "nothing is filled in for {title}",
    ),
    "an answer that is the question": ({"answer_column": "content"}, "answer_column", "Name the column of the answer"),
    "an average that never comes": ({"aggregate_every": 5}, "aggregate_every", "never be averaged"),
    "a launcher without GPUs": ({"launcher": DeepSpeed(gpus=2)}, "launcher", "Set device='auto'"),
    "a launcher in a container": (
        {"device": "auto", "launcher": DeepSpeed(), "provider": "fate:2.2.0-llm@docker"},
        "launcher",
        "local providers only",
    ),
    "two sizes of a batch": (
        {"device": "auto", "launcher": DeepSpeed(config={"train_batch_size": 64})},
        "launcher.config.train_batch_size",
        "Set batch_size",
    ),
    "half precision on a CPU": ({"precision": "fp16"}, "precision", "GPUs only"),
    "half precision twice": (
        {"device": "auto", "precision": "fp16", "model": model(dtype="float16")},
        "model.dtype",
        "'bfloat16'",
    ),
    "more than there is memory": (
        {"model": SEVEN, "batch_size": 64, "memory_gib": 24, "max_length": 2048},
        "batch_size",
        "more accumulation",
    ),
    "an argument that breaks the wrapper": (
        {"training_args": {"gradient_checkpointing": True}},
        "training_args.gradient_checkpointing",
        "more accumulation",
    ),
    "an argument that the client would drop": (
        {"training_args": {"use_cpu": True}},
        "training_args.use_cpu",
        "Set device",
    ),
    "an argument that FATE-LLM drops": (
        {"training_args": {"push_to_hub": True}},
        "training_args.push_to_hub",
        "Leave it out",
    ),
    "an argument with a slip": (
        {"training_args": {"weight_decy": 0.1}},
        "training_args.weight_decy",
        "Did you mean 'weight_decay'?",
    ),
    "another provider's name": ({"provider": "fate_llm:2.2.0@local"}, "provider", "'fate:2.2.0@local'"),
    "a provider that is none": ({"provider": "fate-llm"}, "provider", "name:version@device"),
    "a warm start": ({"warm_start": "202601011200000000000"}, "warm_start", "Merge the adapter"),
    "held-out rows": ({"holdout": 0.1}, "holdout", "Hold rows out when the texts are written"),
    "a table of held-out rows": (
        {"guest": Party("9999", "texts.a", "texts.b")},
        "guest.holdout_table",
        "Hold rows out when the texts are written",
    ),
    "nobody to learn with": ({"hosts": []}, "hosts", "at least one host"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_tuning_that_cannot_work_is_refused(what: str) -> None:
    changes, field, words = REFUSED[what]
    with pytest.raises(FateInvalidJobError) as caught:
        homo(**changes)
    problem = next(problem for problem in caught.value.problems if problem.field == field)
    assert words in str(problem)
    assert problem.reason


def test_what_differs_only_a_little_is_taken() -> None:
    homo(model=model(path="/data/base", pad_token_id=50256))
    homo(model=model(positions=600), adapter=Prefix(tokens=20))
    homo(device="auto", precision="bf16", model=model(dtype="bfloat16"))
    homo(model=SEVEN, batch_size=1, memory_gib=24, max_length=512, precision="bf16")
    homo(provider="fate:2.2.0-llm@k8s")
    homo(warm_start=None, holdout=None)
    homo(training_args={"weight_decay": 0.01, "gradient_checkpointing": False})


@pytest.mark.parametrize("make", [kseed, inferdpt, pdss])
@pytest.mark.parametrize("provider", [None, "fate:2.2.0@local"])
def test_what_the_published_package_breaks_wants_another(make: Any, provider: str | None) -> None:
    with pytest.raises(FateInvalidJobError, match=r"published FATE-LLM 2\.2\.0 cannot run it: .*FateProviderOperator"):
        make(provider=provider)


@pytest.mark.parametrize("make", [market, fdkt])
def test_what_the_published_package_computes_on_gpus_only_is_refused_on_a_cpu(make: Any) -> None:
    with pytest.raises(FateInvalidJobError, match="computes on a GPU"):
        make(provider=None)
    make(provider=None, device="auto")


def test_without_noise_the_published_package_needs_no_gpu() -> None:
    assert fdkt(provider=None, private=False).dag()


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (offsite, {"model": {"path": "/d/opt", "family": "opt"}}, "model.family = 'opt': FATE-LLM 2.2 cannot take it"),
        (offsite, {"emulator_layers": 1}, "emulator_layers = 1: .*greater than or equal to 2"),
        (offsite, {"model": model(dtype="float16"), "device": "auto"}, "model.dtype = 'float16'"),
        (offsite, {"texts": {"layout": "squad"}}, "texts.layout = 'squad': .*'sciq'"),
        (kseed, {"model": GPT2}, "pad_token: .*'<|endoftext|>' for GPT-2"),
        (kseed, {"launcher": DeepSpeed(), "device": "auto"}, "launcher = 'DeepSpeed': the algorithm has a loop"),
        (market, {"slms": {}}, "slms.9999: this party has no model"),
        (market, {"top_k": 500}, "top_k = 500: llm has 468 tokens"),
        (fdkt, {"layout": None}, "layout: one of layout and layout_file is needed, and neither"),
        (fdkt, {"hosts": HOSTS}, r"hosts = \['10000'\]: the algorithm runs between one guest and the arbiter"),
        (inferdpt, {"client": "Client"}, "client = 'Client': it is not written 'module:Class'"),
        (inferdpt, {"instruction": "explain"}, "instruction = 'explain': .*Write {perturbed_doc}"),
        (inferdpt, {"instruction": "{perturbed_doc} {question}"}, "nothing is filled in for {question}"),
        (inferdpt, {"answer": "{question"}, "answer = '{question': it cannot be filled in"),
        (pdss, {"reason": "{question}"}, "reason = '{question}': .*Write {perturbed_response}"),
    ],
)
def test_what_an_algorithm_cannot_do_is_named(make: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FateInvalidJobError, match=message.replace("|", r"\|")):
        make(**changes)


@pytest.mark.parametrize("url", ["https://me:s3cret@llm.example/v1/", "https://llm.example/v1/?key=s3cret"])
def test_a_key_does_not_travel_with_the_job(url: str) -> None:
    with pytest.raises(FateInvalidJobError, match="Let a proxy at the party add it") as caught:
        fdkt(llm={"url": url, "model": "big"})
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(ModelEndpoint(url=url, model="big"))


def test_there_is_no_field_for_a_key() -> None:
    with pytest.raises(FateInvalidJobError, match="there is no such field"):
        ModelEndpoint(url="https://llm.example/v1/", model="big", api_key="x")  # type: ignore[call-arg]
    with pytest.raises(FateInvalidJobError, match=r"llm\.url: it is not the address of a server"):
        fdkt(llm={"url": "localhost", "model": "big"})


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(FateInvalidJobError) as caught:
        homo(aggregate_every=9, precision="fp16", adapter=Lora(targets=["x"]), training_args={"seed": 1})
    assert [problem.field for problem in caught.value.problems] == [
        *("precision", "training_args.seed", "adapter.targets.0", "aggregate_every"),
    ]


def test_a_model_speaks_plainly_by_itself() -> None:
    with pytest.raises(FateInvalidJobError, match=r"^LanguageModel cannot run: family = 'gpt3'"):
        LanguageModel(path="/gpt3", family="gpt3")
