"""Two hospitals teach a language model together: tune, compare, ask a person, register, serve, ask the model."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from example_notes import NORTH, SOUTH, examples_folder, what_everybody_knows, write_notes

from airflow_provider_fate.jobs import HomoLLM, LanguageModel, Lora, Party
from airflow_provider_fate.operators.adapter import FateAdapterOperator
from airflow_provider_fate.operators.approval import FateApprovalOperator
from airflow_provider_fate.operators.chat import FateChatCheckOperator, FateChatServeOperator
from airflow_provider_fate.operators.gate import FateQualityGateOperator
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.model_register import FateModelRegisterOperator
from airflow_provider_fate.operators.text_evaluate import FateTextEvaluateOperator
from airflow_provider_fate.operators.texts import FateTextOperator

HOME = examples_folder() / "llm"
MODELS, TEXTS = HOME / "models", HOME / "texts"
BASE = MODELS / "tiny-gpt2"
"""In production a folder of a model that each site has, such as ``/models/Qwen2-0.5B``."""
LONGEST, LONGEST_PROMPT = 64, 40
"""In tokens: what texts are checked against is what the training takes."""
JOB = "{{ ti.xcom_pull('tune')['job_id'] }}"


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "language model", "example"],
    doc_md="""
### An adapter of two hospitals

The base model knows what hurts, and not which ward is the right one. Each hospital has notes of half of the complaints.
FATE-LLM tunes an adapter on both, and neither shows its notes. The adapter is judged on notes that nobody has learned
from, next to the base model; a person approves it under *Required Actions*; it is registered, and answers over
OpenAI's protocol. Needs a FATE with FATE-LLM: `fate-local start --with llm`.
""",
)
def hospitals_adapter() -> None:
    @task(multiple_outputs=True)
    def notes() -> dict[str, str]:
        """Stands for the export from each hospital's records."""
        TEXTS.mkdir(parents=True, exist_ok=True)
        return write_notes(HOME / "notes")

    @task
    def base_model() -> str:
        """Stands for a model that each site has: a tiny one is made on the spot."""
        from airflow_provider_fate.llm.tiny import make_tiny_model
        from airflow_provider_fate.local.installation import Installation

        python = Installation.locate("llm").ensure(print).interpreter
        return str(make_tiny_model(MODELS, python=python, texts=what_everybody_knows(), steps=150))

    files, base = notes(), base_model()
    texts = {
        side: FateTextOperator(
            task_id=f"texts_{side}",
            source=files[side],
            held_out=0,
            held_out_source=files["held_out"],
            table=f"notes.{side}",
            folder=TEXTS,
            prompt="note",
            answer="answer",
            tokenizer=BASE,
            overwrite=True,
            max_length=LONGEST,
            max_prompt_length=LONGEST_PROMPT,
        )
        for side in ("north", "south")
    }
    tune = FateJobOperator(
        task_id="tune",
        job=HomoLLM(
            guest=Party(NORTH, "notes.north"),
            hosts=[Party(SOUTH, "notes.south")],
            model=LanguageModel(path=str(BASE), family="gpt2"),
            adapter=Lora(targets=["c_attn", "c_proj", "c_fc"], dropout=0.0),
            epochs=8,
            batch_size=8,
            learning_rate=1e-2,
            log_every=4,
            device="cpu",
            max_length=LONGEST,
            max_prompt_length=LONGEST_PROMPT,
        ),
        stall_timeout=timedelta(minutes=30),
    )
    export = FateModelExportOperator(task_id="export", model=tune.output, target=f"{HOME}/packages/{JOB}")
    adapter = FateAdapterOperator(task_id="adapter", package=export.output, base_model=BASE)
    evaluate = FateTextEvaluateOperator(
        task_id="evaluate",
        adapter=adapter.output,
        texts=texts["north"].output,
        max_new_tokens=16,
        threads=1,
        samples=f"{HOME}/packages/{JOB}/answers.jsonl",
    )
    gate = FateQualityGateOperator(
        task_id="gate", metrics=evaluate.output, bounds={"perplexity_ratio": "< 0.9", "exact_match": ">= 0.6"}
    )
    approve = FateApprovalOperator(
        task_id="approve",
        subject="May it tell patients where to go?",
        model=adapter.output,
        verdict=gate.output,
        response_timeout=timedelta(hours=12),
    )
    register = FateModelRegisterOperator(
        task_id="register",
        model=adapter.output,
        name="wards_of_both_hospitals",
        registry=f"{HOME}/registry",
        alias="champion",
        tags=approve.output["tags"],
    )
    serve = FateChatServeOperator(
        task_id="serve", name="wards", adapter=adapter.output, base_name="before", max_new_tokens=16, threads=1
    )
    ask = FateChatCheckOperator(
        task_id="ask",
        service=serve.output,
        prompts=["A woman of 47 years , for 3 days : chest pain .", "A man of 81 years , for 9 days : a stiff neck ."],
        samples=evaluate.output,
        max_tokens=16,
    )

    base >> list(texts.values()) >> tune >> export >> adapter >> evaluate >> gate >> approve >> register >> serve >> ask


hospitals_adapter()
