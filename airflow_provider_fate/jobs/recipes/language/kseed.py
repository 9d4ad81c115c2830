"""Tuning all weights of a model, of which only numbers are exchanged that seeds are multiplied with (FedKSeed)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel, collator, item, whole_model_conf
from airflow_provider_fate.jobs.recipes.language.training import FineTuning, Positive
from airflow_provider_fate.jobs.recipes.party import PartyId
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["FedKSeed"]


class FedKSeed(FineTuning):
    """Tune all weights of a model, with a few kilobytes of traffic (FedKSeed).

    Every party moves the weights along random directions that all make from the same seeds, and tells how far it went
    along each: no gradients, no weights. It needs many steps, and little memory.

    **The published FATE-LLM 2.2.0 trains, and fails when it saves**: its ``ClientTrainer`` has no ``save_model``. So
    the recipe wants a ``provider`` of the sites in which that is repaired; with such a repair it ran here.

    :param arbiter: party id of the arbiter; by default the guest.
    :param model: any ``AutoModelForCausalLM``.
    :param epochs: passes of each party over its rows.
    :param seeds: how many directions there are (K).
    :param rounds: how often the parties tell each other how far they went.
    :param step: length of the probing step along a direction.
    :param gradient_clip: bound of the slope along a direction; negative: none.
    :param max_length: tokens after which a row is cut off.
    :param pad_token: token that short rows are filled up with, where the tokenizer names none, as with GPT-2 and LLaMA.
    """

    _runner: ClassVar[tuple[str, str]] = ("fedkseed_runner", "FedKSeedRunner")
    _broken = "it trains, and fails when it saves, because its ClientTrainer has no method save_model"
    _tunes_adapter: ClassVar[bool] = False
    _default_args: ClassVar[JsonObject] = {"remove_unused_columns": True}

    arbiter: PartyId | None = None
    model: LanguageModel
    epochs: Templated[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=1, description="1 to 10000 epochs")
    learning_rate: Templated[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=1e-5, description="a number above 0 and below 1"
    )
    seeds: Templated[Annotated[int, Field(ge=2)]] = Field(default=4096, description="a whole number, at least 2")
    rounds: Templated[Positive] = Field(default=10, description="a whole number, at least 1")
    step: Templated[Annotated[float, Field(gt=0)]] = Field(default=0.0005, description="a number above 0")
    gradient_clip: Templated[float] = Field(default=-100.0, description="a number; negative for no bound")
    max_length: Templated[Annotated[int, Field(ge=8)]] = Field(default=512, description="a whole number, at least 8")
    pad_token: str | None = None

    def _arbiter(self) -> str:
        return self.arbiter or self.guest.party_id

    def _check(self) -> list[Problem]:
        return [*super()._check(), *self._tuning_problems()]

    def _tuning_problems(self) -> Iterator[Problem]:
        assert isinstance(self.max_length, int)
        parties = [party_id for _, party_id in self._clients()]
        yield from self._model_problems("model", self.model, parties, self.max_length)
        if self.model.family is not None and self.model.kind.no_padding and self.pad_token is None:
            yield Problem(
                "pad_token",
                None,
                f"tokenizers of {self.model.family} have no padding token, and rows of different length would fail",
                "Set it to the tokenizer's end token, '<|endoftext|>' for GPT-2 or '</s>' for LLaMA.",
            )
        if self.launcher is not None:
            reason = "the algorithm has a loop of its own, which knows no DeepSpeed"
            yield Problem("launcher", "DeepSpeed", reason, "Leave it out: one process with one GPU.")

    def _build(self, dag: DagBuilder) -> None:
        clients = self._clients()
        if self.model.alike:
            self._add(dag, common=self._runner_conf(self.guest.party_id))
            return
        own = {(role, party_id): self._runner_conf(party_id) for role, party_id in clients}
        self._add(dag, by_party={**own, ("arbiter", self._arbiter()): self._runner_conf(self.guest.party_id)})

    def _runner_conf(self, party_id: str) -> JsonObject:
        tokenizer: dict[str, object] = {"pretrained_model_name_or_path": self.model.tokenizer_at(party_id)}
        if self.pad_token is not None:
            tokenizer["pad_token"] = self.pad_token
        if self.model.trust_remote_code:
            tokenizer["trust_remote_code"] = True
        rows = {
            "split": "train",
            "tokenizer_params": tokenizer,
            "tokenizer_apply_params": {"truncation": True, "max_length": self.max_length},
        }
        return {
            "algo": "fedkseed",
            "model_conf": whole_model_conf(self.model, party_id),
            "dataset_conf": item("fate_llm.dataset.hf_dataset", "Dolly15K", rows),
            "data_collator_conf": collator({"tokenizer_params": tokenizer}),
            "training_args_conf": {**self._training_args(), "num_train_epochs": self.epochs},
            "fed_args_conf": {
                "k": self.seeds,
                "num_aggregations": self.rounds,
                "eps": self.step,
                "grad_clip": self.gradient_clip,
            },
            "optimizer_conf": None,
            "tokenizer_conf": None,
            "task_type": "causal_lm",
            "save_trainable_weights_only": False,
        }
