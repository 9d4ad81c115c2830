"""Offsite tuning: the owner of a model does not give it away, and the owners of the texts do not give them away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel, collator, item
from airflow_provider_fate.jobs.recipes.language.questions import QuestionSet
from airflow_provider_fate.jobs.recipes.language.training import FineTuning
from airflow_provider_fate.jobs.recipes.party import Party, PartyId
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["OffsiteTuning"]

_CLASSES = {
    "gpt2": ("fate_llm.model_zoo.offsite_tuning.gpt2", "GPT2LMHead"),
    "llama": ("fate_llm.model_zoo.offsite_tuning.llama", "Llama"),
    "bloom": ("fate_llm.model_zoo.offsite_tuning.bloom", "Bloom"),
}


class OffsiteTuning(FineTuning):
    """Tune the first and last layers of somebody else's model (offsite tuning).

    The arbiter has the whole model. Guest and hosts get its first and last layers to train, and a few of those between
    as a stand-in for the rest (the emulator); what they have trained goes back. Guest and arbiter keep the model with
    all its weights as ``pytorch_model.bin``, not an adapter. With hosts, what the parties have trained is averaged. The
    published FATE-LLM 2.2.0 runs it.

    :param hosts: further parties with texts; none by default.
    :param arbiter: party id of the owner of the model.
    :param model: the model, ``gpt2``, ``llama`` or ``bloom``; every party has a folder with its description, tokenizer
        and weights, which are replaced by those of the arbiter as far as a party gets them.
    :param texts: how the prepared data set is read that a party's table is bound to.
    :param bottom_layers: first layers that are trained.
    :param top_layers: last layers that are trained.
    :param emulator_layers: layers of the stand-in, at least 2; fewer than the model has between.
    :param epochs: passes of each party over its rows.
    """

    _runner: ClassVar[tuple[str, str]] = ("offsite_tuning_runner", "OTRunner")
    _hosts = "allowed"
    _default_args: ClassVar[JsonObject] = {"remove_unused_columns": False}

    hosts: list[Party] = Field(default_factory=list)
    arbiter: PartyId
    model: LanguageModel
    texts: QuestionSet = QuestionSet()
    bottom_layers: Annotated[int, Field(ge=1)] = 2
    top_layers: Annotated[int, Field(ge=1)] = 2
    emulator_layers: Annotated[int, Field(ge=2)] = 4
    epochs: Templated[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=3, description="1 to 10000 epochs")

    def _arbiter(self) -> str:
        return self.arbiter

    def _check(self) -> list[Problem]:
        return [*super()._check(), *self._tuning_problems()]

    def _tuning_problems(self) -> Iterator[Problem]:
        parties = [*(party_id for _, party_id in self._clients()), self.arbiter]
        yield from self._model_problems("model", self.model, parties, self.texts.max_length)
        if self.model.family is not None and self.model.family not in _CLASSES:
            yield Problem(
                "model.family",
                self.model.family,
                "FATE-LLM 2.2 cannot take it apart",
                f"One of: {', '.join(_CLASSES)}.",
            )
        for name in ("dtype", "trust_remote_code"):
            if value := getattr(self.model, name):
                yield Problem(
                    f"model.{name}", value, "FATE-LLM's classes for offsite tuning do not take it", "Leave it out."
                )

    def _build(self, dag: DagBuilder) -> None:
        clients = self._clients()
        own = {(role, party_id): self._runner_conf(party_id, "SubModel") for role, party_id in clients}
        self._add(dag, by_party={**own, ("arbiter", self.arbiter): self._runner_conf(self.arbiter, "MainModel")})
        self._launch(dag, clients)

    def _runner_conf(self, party_id: str, part: str) -> JsonObject:
        module, name = _CLASSES[str(self.model.family)]
        training: JsonObject = {**self._training_args(), "num_train_epochs": self.epochs}
        if part == "MainModel":
            training.pop("deepspeed", None)  # the arbiter has the model in one process, and trains nothing
        arguments = {
            "model_name_or_path": self.model.path_at(party_id),
            "emulator_layer_num": self.emulator_layers,
            "adapter_top_layer_num": self.top_layers,
            "adapter_bottom_layer_num": self.bottom_layers,
        }
        return {
            "algo": "ot",
            "model_conf": item(module, f"{name}{part}", arguments),
            "dataset_conf": self.texts.conf(self.model.tokenizer_at(party_id)),
            "data_collator_conf": collator(self.model.tokenizer_conf(party_id)),
            "training_args_conf": training,
            "fed_args_conf": {
                "aggregate_strategy": "epoch",
                "aggregate_freq": 1,
                "aggregator": "secure_aggregate",
            },
            "optimizer_conf": None,
            "tokenizer_conf": None,
            "task_type": "causal_lm",
            "save_trainable_weights_only": False,
            # Without an average the arbiter speaks to the guest alone, and hosts would wait for it.
            "aggregate_model": bool(self.hosts),
        }
