"""An adapter, from the package of a job to answers over HTTP: torch and peft run for real, FATE-LLM does not.

The real FATE-LLM is in `test_llm.py`; here a LoRA that peft has tuned in the same way is packed as FATE packs it.
"""

from __future__ import annotations

import concurrent.futures
import csv
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.llm.chat import LocalChat
from airflow_provider_fate.llm.environment import ENVIRONMENT
from airflow_provider_fate.llm.tiny import make_tiny_model
from airflow_provider_fate.local import processes
from airflow_provider_fate.models.card import ModelCard
from airflow_provider_fate.operators.adapter import FateAdapterMergeOperator, FateAdapterOperator
from airflow_provider_fate.operators.chat import FateChatCheckOperator, FateChatServeOperator, FateChatStopOperator
from airflow_provider_fate.operators.gate import FateQualityGateOperator
from airflow_provider_fate.operators.model_register import FateModelRegisterOperator
from airflow_provider_fate.operators.text_evaluate import FateTextEvaluateOperator
from tests.integration.test_llm import load_example
from tests.support.task import Task
from tests.unit.llm.adapters import packed
from tests.unit.operators.test_model_convert import exported

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(1200)]

TUNE = Path(__file__).resolve().parents[1] / "support" / "llm_tune.py"
PROMPTS = {"item_name": "PromptDataset", "kwargs": {"text_max_length": 128}}


def run(kind: type[Any], **arguments: Any) -> Any:
    return Task(partial(kind, task_id="task", **arguments)).run()


def as_lines(tables: list[str], file: Path) -> Path:
    rows = [row for table in tables for row in csv.DictReader(Path(table).read_text().splitlines())]
    lines = (json.dumps({"content": row["note"], "summary": row["answer"]}) for row in rows)
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


@dataclass(frozen=True)
class Made:
    """A base model, rows that it has not seen, and the folder of an adapter."""

    base: Path
    held_out: Path
    adapter: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, python = tmp_path_factory.mktemp("adapters"), ENVIRONMENT.ensure(print)
    notes = load_example()
    base = make_tiny_model(folder, python=python, texts=notes.what_everybody_knows(), steps=150)
    tables = notes.write_notes(folder)
    train = as_lines([tables["north"], tables["south"]], folder / "train.jsonl")
    held_out = as_lines([tables["held_out"]], folder / "held_out.jsonl")
    subprocess.run(
        [python, TUNE, base, train, folder / "tuned", "50"], check=True, env={"PATH": os.defpath, "HOME": str(folder)}
    )
    files = {file.name: file.read_bytes() for file in (folder / "tuned").iterdir() if file.is_file()}
    package = exported(packed(folder, dataset=PROMPTS, files=files), folder / "export")
    adapter = run(FateAdapterOperator, package=package, base_model="acme/tiny", base_folder=str(base))
    return Made(base, held_out, adapter, folder)


@pytest.fixture(scope="module")
def judged(made: Made) -> dict[str, Any]:
    found: dict[str, Any] = run(
        FateTextEvaluateOperator,
        adapter=made.adapter, texts={"held_out": str(made.held_out)}, samples=str(made.folder / "answers.jsonl"),
        max_new_tokens=16,
    )  # fmt: skip
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FATE_LOCAL_SERVICES", str(tmp_path / "services"))
    yield tmp_path / "services"
    chat = LocalChat("answers")
    chat.delete()
    assert processes.of_instance(chat.service.folder) == []


# -- how good it is ----------------------------------------------------------------------------------------------------


def test_the_adapter_is_better_than_its_base_model_on_rows_it_has_not_seen(judged: dict[str, Any]) -> None:
    metrics = judged["metrics"]
    assert metrics["perplexity"] < metrics["perplexity_base"]
    assert metrics["perplexity_ratio"] == pytest.approx(metrics["perplexity"] / metrics["perplexity_base"])
    assert metrics["exact_match"] > metrics["exact_match_base"]
    assert metrics["rouge_l"] > metrics["rouge_l_base"]
    assert (judged["rows"], judged["answered"]) == (24, 24)


def test_the_gate_judges_it_and_the_card_and_the_registry_have_it(
    made: Made, judged: dict[str, Any], tmp_path: Path
) -> None:
    bounds = {"perplexity_ratio": "< 1", "exact_match": f"> {judged['metrics']['exact_match_base']}"}
    assert run(FateQualityGateOperator, metrics=judged, bounds=bounds)["passed"]
    task = Task(lambda: FateQualityGateOperator(task_id="g", metrics=judged, bounds={"perplexity": "< 1"}))
    with pytest.raises(AirflowFailException, match="perplexity"):
        task.run()
    card = ModelCard.model_validate_json(Path(made.adapter["card"]).read_bytes())
    assert card.adapter is not None
    assert card.adapter.evaluation is not None
    assert card.metrics["perplexity"] == judged["metrics"]["perplexity"]
    assert "24 held-out rows" in Path(made.adapter["card_text"]).read_text()
    version = run(FateModelRegisterOperator, model=made.adapter, name="answers", registry=str(tmp_path / "registry"))
    assert version["metrics"]["exact_match"] == judged["metrics"]["exact_match"]


# -- built in ----------------------------------------------------------------------------------------------------------


def test_the_merged_model_answers_as_the_two_apart(made: Made, judged: dict[str, Any], tmp_path: Path) -> None:
    merged = run(FateAdapterMergeOperator, adapter=made.adapter, target=str(tmp_path / "whole"))
    assert merged["largest_difference"] <= 1e-4 < merged["moved"]
    assert "model.safetensors" in merged["files"]
    alone = run(
        FateTextEvaluateOperator, adapter=None, base_model=merged["model"], texts=str(made.held_out), max_new_tokens=16
    )
    assert alone["metrics"]["perplexity"] == pytest.approx(judged["metrics"]["perplexity"], rel=1e-3)
    assert run(FateAdapterMergeOperator, adapter=made.adapter, target=str(tmp_path / "whole"))["files"]
    (tmp_path / "whole" / "merged_adapter.sha256").unlink()
    with pytest.raises(AirflowFailException, match="holds another model"):
        run(FateAdapterMergeOperator, adapter=made.adapter, target=str(tmp_path / "whole"))


# -- answers over HTTP -------------------------------------------------------------------------------------------------


def test_it_answers_as_it_was_judged_until_it_is_stopped(made: Made, judged: dict[str, Any], home: Path) -> None:
    served = run(FateChatServeOperator, name="answers", adapter=made.adapter)
    assert served["models"] == ["base", "answers"]
    key = LocalChat("answers").key
    assert key
    assert key not in json.dumps(served)
    checked = run(
        FateChatCheckOperator, service=served, samples=judged, max_tokens=16, prompts=["A man has had chest pain ."]
    )
    assert checked["agreement"] >= 0.9
    assert checked["answers"][0].strip()
    with pytest.raises(AirflowFailException, match="of 20 samples as in the evaluation"):
        run(FateChatCheckOperator, service=served, samples=judged, max_tokens=16, model="base")
    with pytest.raises(AirflowFailException, match="no model 'other'; it has base, answers"):
        run(FateChatCheckOperator, service=served, prompts=["x"], model="other")
    before = LocalChat("answers").service.status()
    again = run(FateChatServeOperator, name="answers", adapter=made.adapter)
    after = LocalChat("answers").service.status()
    assert again == served
    assert before is not None
    assert after is not None
    assert after.watcher == before.watcher, "one that runs like that is left as it is"
    _speaks_openai(served["url"], key)
    assert run(FateChatStopOperator, name=served) == {"service": "answers", "stopped": True}
    assert run(FateChatStopOperator, name="answers") == {"service": "answers", "stopped": False}
    with pytest.raises(AirflowFailException, match="does not run on this machine"):
        run(FateChatCheckOperator, service=served, prompts=["x"])
    log = LocalChat("answers").service.log.read_text()
    assert "chest pain" not in log, "what people ask is theirs"
    assert key not in log


def _speaks_openai(url: str, key: str) -> None:
    """What OpenAI's own clients rely on."""
    with httpx.Client(trust_env=False, timeout=120, headers={"Authorization": f"Bearer {key}"}) as client:
        question = [{"role": "user", "content": "A man of 40 years has had chest pain for 3 days ."}]
        asked = {"model": "answers", "messages": question, "temperature": 0, "max_tokens": 12}
        whole = client.post(f"{url}/chat/completions", json=asked).json()
        answer = whole["choices"][0]["message"]["content"]
        assert whole["object"] == "chat.completion"
        assert answer.startswith("Please see")
        assert whole["choices"][0]["finish_reason"] == "stop"
        assert whole["usage"]["total_tokens"] == whole["usage"]["prompt_tokens"] + whole["usage"]["completion_tokens"]

        with client.stream("POST", f"{url}/chat/completions", json=asked | {"stream": True}) as reply:
            events = [line.removeprefix("data: ") for line in reply.iter_lines() if line]
        assert events[-1] == "[DONE]"
        chunks = [json.loads(one)["choices"][0] for one in events[:-1]]
        assert "".join(one["delta"].get("content", "") for one in chunks) == answer
        assert chunks[0]["delta"]["role"] == "assistant"
        assert chunks[-1]["finish_reason"] == "stop"

        cut = client.post(f"{url}/chat/completions", json=asked | {"stop": " see"}).json()["choices"][0]
        assert (cut["message"]["content"], cut["finish_reason"]) == ("Please", "stop")
        short = client.post(f"{url}/chat/completions", json=asked | {"max_tokens": 1}).json()
        assert (short["choices"][0]["finish_reason"], short["usage"]["completion_tokens"]) == ("length", 1)
        sampled = [
            client.post(f"{url}/chat/completions", json=asked | {"temperature": 1.5, "seed": 5, "model": "base"}).json()
            for _ in range(2)
        ]
        assert sampled[0]["choices"] == sampled[1]["choices"]
        text = client.post(f"{url}/completions", json={"model": "base", "prompt": "A man of", "max_tokens": 3}).json()
        assert text["object"] == "text_completion"

        for wrong, status, field in (
            ({"model": "gpt-5"}, 404, "model"), ({"messages": []}, 400, "messages"), ({"n": 2}, 400, "n"),
            ({"temperature": "hot"}, 400, "temperature"), ({"tools": [{}]}, 400, "tools"),
            ({"max_tokens": 0}, 400, "max_tokens"),
            ({"messages": [{"role": "user", "content": "word " * 3000}], "model": "base"}, 400, "messages"),
        ):  # fmt: skip
            reply = client.post(f"{url}/chat/completions", json=asked | wrong)
            assert (reply.status_code, reply.json()["error"]["param"]) == (status, field)
        assert client.post(f"{url}/chat/completions", content=b"{").status_code == 400
        assert client.post(f"{url}/chat/completions", content=b"x" * (5 << 20)).status_code == 413
        for stranger in ({"Authorization": "Bearer guess"}, {"Authorization": ""}):
            reply = client.get(f"{url}/models", headers=stranger)
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")

        def ask(_: int) -> tuple[int, str]:
            reply = client.post(f"{url}/chat/completions", json=asked)
            return reply.status_code, reply.json()["choices"][0]["message"]["content"]

        with concurrent.futures.ThreadPoolExecutor(8) as many:
            assert set(many.map(ask, range(8))) == {(200, answer)}, "adapters are not mixed up"
