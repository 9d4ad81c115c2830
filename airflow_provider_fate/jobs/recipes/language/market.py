"""A large model and small ones learn from each other's answers to public questions (FedMKT)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.language.adapters import Adapter, Lora
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel, collator, model_conf, tokenizer_item
from airflow_provider_fate.jobs.recipes.language.places import Places, ServerPath, missing_places, place_of
from airflow_provider_fate.jobs.recipes.language.questions import QuestionSet
from airflow_provider_fate.jobs.recipes.language.training import FineTuning, Positive
from airflow_provider_fate.jobs.recipes.party import PartyId
from airflow_provider_fate.jobs.recipes.plain import plain_errors
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["FedMKT", "MarketModel"]

_TOKENIZERS = ("llama", "gpt2", "bloom", "opt")


@plain_errors
class MarketModel(BaseModel):
    """A model that takes part in :class:`FedMKT`.

    :param model: the model, in one folder.
    :param vocab_size: tokens of its tokenizer, the same as its ``vocab_size``: FATE-LLM fails where they differ.
    :param to_llm: file with the large model's token for each of its own, made by FATE-LLM's ``get_vocab_mappings``; it
        is read by the arbiter.
    :param from_llm: the same in the other direction, read by its own party.
    :param part: the part of the private data set that is read at its party.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: LanguageModel
    vocab_size: Annotated[int, Field(ge=2)]
    to_llm: ServerPath | None = None
    from_llm: ServerPath | None = None
    part: str = "train"


class FedMKT(FineTuning):
    """Let a large model at the arbiter and small ones at the other parties learn from each other (FedMKT).

    All answer the same public questions, exchange what they think the likely next tokens are, and learn where another
    one knew better; in between the small models learn from their private questions. Adapters are trained.

    **The published FATE-LLM 2.2.0 needs a GPU at every party**: it calls ``logits.cuda()`` whatever the device is. On a
    CPU the recipe wants a ``provider`` of the sites in which that is repaired; with such a repair it ran here.

    :param arbiter: party id of the owner of the large model.
    :param llm: the large model.
    :param slms: the small model of each party, by party id.
    :param public: how the public data set is read, at all parties.
    :param public_path: its folder.
    :param private: how the private data sets are read, which the tables of the parties are bound to.
    :param adapter: what is trained of each model.
    :param rounds: how often they learn from each other.
    :param top_k: likely next tokens that are exchanged.
    """

    _runner: ClassVar[tuple[str, str]] = ("fedmkt_runner", "FedMKTRunner")
    _default_args: ClassVar[JsonObject] = {"remove_unused_columns": False}

    arbiter: PartyId
    llm: MarketModel
    slms: dict[str, MarketModel]
    public: QuestionSet
    public_path: Places
    private: QuestionSet
    adapter: Adapter = Lora()
    rounds: Templated[Positive] = Field(default=3, description="a whole number, at least 1")
    top_k: Templated[Positive] = Field(default=128, description="a whole number, at least 1")

    def _arbiter(self) -> str:
        return self.arbiter

    def _breaks(self) -> str | None:
        return "it computes on a GPU (logits.cuda()) whatever the device is" if self.device == "cpu" else None

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check(self) -> list[Problem]:
        return [*super()._check(), *self._market_problems()]

    def _market_problems(self) -> Iterator[Problem]:
        clients = [party_id for _, party_id in self._clients()]
        yield from missing_places("public_path", self.public_path, [*clients, self.arbiter])
        for party_id in clients:
            if party_id not in self.slms:
                yield Problem(f"slms.{party_id}", None, "this party has no model", "Give each party its own.")
        models = [("llm", self.arbiter, self.llm)]
        for party_id, own in self.slms.items():
            field = f"slms.{party_id}"
            if party_id not in clients:
                yield Problem(field, party_id, "this party does not take part", f"Parties: {', '.join(clients)}.")
                continue
            models.append((field, party_id, own))
            for name in ("to_llm", "from_llm"):
                if getattr(own, name) is None:
                    yield Problem(
                        f"{field}.{name}",
                        None,
                        "without a mapping of the tokens the models do not understand each other",
                        "Make it by fate_llm.algo.fedmkt.token_alignment.vocab_mapping.get_vocab_mappings, once.",
                    )
        for field, party_id, one in models:
            yield from self._one_model(field, party_id, one)

    def _one_model(self, field: str, party_id: str, one: MarketModel) -> Iterator[Problem]:
        model = one.model
        # The arbiter reads the tokenizers of the small models, too, and they the large one's.
        if not model.alike:
            yield Problem(
                f"{field}.model.path",
                model.path,
                "the partners load its tokenizer, too, under the same path",
                "Write one path, and copy the tokenizer there at the others.",
            )
            return
        yield from self._model_problems(f"{field}.model", model, [party_id], self.public.max_length)
        if model.family is None:
            return
        yield from self.adapter.problems("adapter", model)
        if model.family not in _TOKENIZERS:
            yield Problem(
                f"{field}.model.family",
                model.family,
                "FATE-LLM looks the class of the tokenizer up in a list, and this one is not in it",
                f"One of: {', '.join(_TOKENIZERS)}; and no PreTrainedTokenizerFast in tokenizer_config.json.",
            )
        assert isinstance(self.top_k, int)
        if self.top_k > one.vocab_size:
            yield Problem("top_k", self.top_k, f"{field} has {one.vocab_size} tokens", "Take fewer.")

    # -- the job -----------------------------------------------------------------------------------------------------

    def _build(self, dag: DagBuilder) -> None:
        clients = self._clients()
        own = {(role, party_id): self._small(party_id) for role, party_id in clients}
        self._add(dag, by_party={**own, ("arbiter", self.arbiter): self._large()})
        self._launch(dag, [*clients, ("arbiter", self.arbiter)])  # which trains, too

    def _common(self, party_id: str, one: MarketModel) -> JsonObject:
        model = one.model
        return {
            "algo": "fedmkt",
            "model_conf": model_conf(model, party_id, self.adapter.peft(model, party_id)),
            "training_args_conf": {
                **self._training_args(),
                "global_epochs": self.rounds,
                "vocab_size": one.vocab_size,
                "top_k_logits_keep": self.top_k,
            },
            "fed_args_conf": {"aggregate_strategy": "epoch", "aggregate_freq": 1},
            "pub_dataset_conf": self.public.conf(model.tokenizer_at(party_id)),
            "tokenizer_conf": tokenizer_item(model, party_id),
            "pub_dataset_path": place_of(self.public_path, party_id),
            "save_trainable_weights_only": True,
            "task_type": "causal_lm",
        }

    def _small(self, party_id: str) -> JsonObject:
        one = self.slms[party_id]
        tokenizer = one.model.tokenizer_at(party_id)
        return {
            **self._common(party_id, one),
            "priv_dataset_conf": self.private.conf(tokenizer, one.part),
            "llm_tokenizer_conf": tokenizer_item(self.llm.model, party_id),
            "llm_to_slm_vocab_mapping_path": one.from_llm,
            "data_collator_conf": collator(one.model.tokenizer_conf(party_id)),
        }

    def _large(self) -> JsonObject:
        small = [self.slms[party_id] for _, party_id in self._clients()]
        return {
            **self._common(self.arbiter, self.llm),
            "slm_tokenizers_conf": [tokenizer_item(one.model, self.arbiter) for one in small],
            "slm_to_llm_vocab_mapping_paths": [one.to_llm for one in small],
        }
