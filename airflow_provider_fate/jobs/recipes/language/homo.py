"""Federated instruction tuning: every party trains the same adapter on its own texts, an arbiter averages it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.language.adapters import Adapter, Lora
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel, collator, item, model_conf
from airflow_provider_fate.jobs.recipes.language.templates import template_problems
from airflow_provider_fate.jobs.recipes.language.training import FineTuning, Positive
from airflow_provider_fate.jobs.recipes.party import PartyId
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["HomoLLM"]


class HomoLLM(FineTuning):
    """Tune an adapter of a language model on the texts of all parties, by federated averaging.

    Every party has the base model on its own disks, and a JSON-lines file of questions and answers that a table is
    bound to. Only the adapter is exchanged and kept: ``FateModelExportOperator`` fetches it from guest or host, where
    it is the same; the arbiter has none. The published FATE-LLM 2.2.0 runs it.

    :param arbiter: party id of the arbiter, which adds up the adapters; by default the guest. It needs no model and no
        GPU. With secure aggregation it sees the sum only.
    :param model: the base model: where it is, and of which architecture.
    :param adapter: what is trained: ``Lora()``, ``Prefix()``, ``Prompt()``, ``PTuning()`` or ``IA3()``.
    :param epochs: passes of each party over its rows.
    :param max_length: tokens of question and answer together, after which an answer is cut off.
    :param max_prompt_length: tokens after which a question is cut off.
    :param prompt_template: what is made of a question, such as ``"Question: {prompt}\\nAnswer:"``; the question itself
        by default.
    :param prompt_column: name of the question in the file.
    :param answer_column: name of the answer.
    :param tokenizing_processes: processes that turn texts into tokens before the training.
    :param aggregate_every: epochs (or steps) between two averagings.
    :param aggregate_by: whether these are ``epoch`` or ``steps``.
    :param aggregator: ``secure_aggregate`` hides the adapter of the single party from the arbiter; ``plaintext`` does
        not.
    """

    _runner: ClassVar[tuple[str, str]] = ("homo_seq2seq_runner", "Seq2SeqRunner")

    arbiter: PartyId | None = None
    model: LanguageModel
    adapter: Adapter = Lora()
    epochs: Templated[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=3, description="1 to 10000 epochs")
    max_length: Templated[Annotated[int, Field(ge=8)]] = Field(
        default=512, description="a whole number of tokens, at least 8"
    )
    max_prompt_length: Templated[Positive] = Field(default=256, description="a whole number of tokens, at least 1")
    prompt_template: str | None = None
    prompt_column: str = "content"
    answer_column: str = "summary"
    tokenizing_processes: Templated[Positive] = Field(default=1, description="a whole number, at least 1")
    aggregate_every: Templated[Positive] = Field(default=1, description="a whole number, at least 1")
    aggregate_by: Literal["epoch", "steps"] = "epoch"
    aggregator: Literal["secure_aggregate", "plaintext"] = "secure_aggregate"

    def _arbiter(self) -> str:
        return self.arbiter or self.guest.party_id

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check(self) -> list[Problem]:
        return [*super()._check(), *self._text_problems(), *self._tuning_problems()]

    def _text_problems(self) -> Iterator[Problem]:
        assert isinstance(self.max_length, int)
        assert isinstance(self.max_prompt_length, int)
        if self.max_prompt_length + 2 > self.max_length:
            yield Problem(
                "max_prompt_length",
                self.max_prompt_length,
                f"a question of this length leaves nothing of the {self.max_length} tokens of max_length to the "
                "answer, and nothing would be learned from it",
                "Set a smaller max_prompt_length, or a larger max_length.",
            )
        if self.prompt_column == self.answer_column:
            yield Problem(
                "answer_column",
                self.answer_column,
                "it is the column of the question, too: the model would learn to repeat it",
                "Name the column of the answer.",
            )
        if self.prompt_template is not None:
            yield from template_problems("prompt_template", self.prompt_template, needed=["prompt"], only=["prompt"])

    def _tuning_problems(self) -> Iterator[Problem]:
        assert isinstance(self.max_length, int)
        parties = [party_id for _, party_id in self._clients()]
        # FATE-LLM adds an end token, and a token between question and answer.
        tokens = self.max_length + 1 + self.adapter.virtual_tokens
        yield from self._model_problems("model", self.model, parties, tokens)
        if self.model.family is not None:
            yield from self.adapter.problems("adapter", self.model)
        assert isinstance(self.aggregate_every, int)
        assert isinstance(self.epochs, int)
        if self.aggregate_by == "epoch" and self.aggregate_every > self.epochs:
            yield Problem(
                "aggregate_every",
                self.aggregate_every,
                f"there are {self.epochs} epochs: the adapters would never be averaged, and each party keep its own",
                "Set it to 1, or train longer.",
            )

    # -- the job -----------------------------------------------------------------------------------------------------

    def _build(self, dag: DagBuilder) -> None:
        # The arbiter is given a configuration, too, and takes nothing from it.
        parties = self._clients()
        if self.model.alike:
            self._add(dag, common=self._runner_conf(self.guest.party_id))
        else:
            own = {(role, party_id): self._runner_conf(party_id) for role, party_id in parties}
            server = ("arbiter", self._arbiter())
            self._add(dag, by_party={**own, server: self._runner_conf(self.guest.party_id)})
        self._launch(dag, parties)

    def _runner_conf(self, party_id: str) -> JsonObject:
        tokenizer = self.model.tokenizer_conf(party_id)
        texts: dict[str, object] = {
            **tokenizer,
            "num_proc": self.tokenizing_processes,
            "text_max_length": self.max_length,
            "max_prompt_length": self.max_prompt_length,
            "prompt_column": self.prompt_column,
            "response_column": self.answer_column,
        }
        if self.prompt_template is not None:
            texts["prompt_template"] = self.prompt_template
        return {
            "algo": "fedavg",
            "model_conf": model_conf(self.model, party_id, self.adapter.peft(self.model, party_id)),
            "dataset_conf": item("fate_llm.dataset.prompt_dataset", "PromptDataset", texts),
            "data_collator_conf": collator(tokenizer),
            "training_args_conf": {**self._training_args(), "num_train_epochs": self.epochs},
            "fed_args_conf": {
                "aggregate_strategy": self.aggregate_by,
                "aggregate_freq": self.aggregate_every,
                "aggregator": self.aggregator,
            },
            "optimizer_conf": None,
            "tokenizer_conf": None,
            "task_type": "causal_lm",
            "save_trainable_weights_only": True,
        }
