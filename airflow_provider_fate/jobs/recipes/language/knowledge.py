"""A small model, trained with differential privacy, makes texts that a large one improves (FDKT)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.language.endpoint import ModelEndpoint
from airflow_provider_fate.jobs.recipes.language.model import (
    LanguageModel,
    collator,
    item,
    tokenizer_item,
    whole_model_conf,
)
from airflow_provider_fate.jobs.recipes.language.places import ServerPath
from airflow_provider_fate.jobs.recipes.language.training import FineTuning, Positive
from airflow_provider_fate.jobs.recipes.party import Party, PartyId
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["FDKT"]


class FDKT(FineTuning):
    """Make synthetic texts of private ones, with differential privacy, and let a large model improve them (FDKT).

    The guest trains a small model on its labelled texts with noise, lets it write texts for each label, and sends these
    to the arbiter, whose large model filters them and writes more. The guest gets them as ``aug_data.pkl``, and keeps
    the small model.

    **The published FATE-LLM 2.2.0 needs a GPU for the noise**: it does not tell the part that adds it that it computes
    on a CPU. There the recipe wants a ``provider`` of the site in which that is repaired; with such a repair, and a
    stand-in for the large model, it ran here. It imports ``fastchat``: install ``fschat`` at the sites; the package
    ``fastchat`` of PyPI is somebody else's. Its data set runs code that lies beside a tokenizer, without being asked.

    :param arbiter: party id of the owner of the large model.
    :param model: the small model of the guest: any ``AutoModelForCausalLM``.
    :param llm: where the arbiter reaches the large model, over the protocol of OpenAI.
    :param embedding_model: folder of a model of sentence-transformers at the arbiter, by which texts are grouped.
    :param llm_tokenizer: folder of a tokenizer at the arbiter.
    :param layout: which columns, labels and prompts the texts have: ``yelp_review`` or ``ag_news``.
    :param layout_file: YAML file with the same, at guest and arbiter under the same path, for other texts.
    :param epochs: passes over the rows.
    :param private: train with noise. Without it, texts may give away whole rows.
    :param epsilon: privacy budget: the smaller, the more noise.
    :param delta: chance that the promise of ``epsilon`` does not hold; well below 1 / number of rows.
    :param texts_per_label: texts that the small model writes for each label.
    :param max_length: tokens of a text.
    :param prompts: prompts that the large model gets to write more texts.
    :param samples_per_cluster: texts of a group that go into a prompt.
    """

    _runner: ClassVar[tuple[str, str]] = ("fdkt_runner", "FDKTRunner")
    _hosts = "refused"
    _tunes_adapter: ClassVar[bool] = False
    _default_args: ClassVar[JsonObject] = {}

    hosts: list[Party] = Field(default_factory=list)
    arbiter: PartyId
    model: LanguageModel
    llm: ModelEndpoint
    embedding_model: ServerPath
    llm_tokenizer: ServerPath
    layout: Literal["yelp_review", "ag_news"] | None = None
    layout_file: ServerPath | None = None
    epochs: Templated[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=1, description="1 to 10000 epochs")
    learning_rate: Templated[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=1e-3, description="a number above 0 and below 1"
    )
    private: bool = True
    epsilon: Templated[Annotated[float, Field(gt=0)]] = Field(default=3.0, description="a number above 0")
    delta: Templated[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=1e-5, description="a number above 0 and below 1"
    )
    texts_per_label: Templated[Positive] = Field(default=2000, description="a whole number, at least 1")
    max_length: Templated[Annotated[int, Field(ge=8)]] = Field(default=256, description="a whole number, at least 8")
    prompts: Templated[Positive] = Field(default=200, description="a whole number, at least 1")
    samples_per_cluster: Templated[Positive] = Field(default=4, description="a whole number, at least 1")

    def _arbiter(self) -> str:
        return self.arbiter

    def _breaks(self) -> str | None:
        if self.device == "cpu" and self.private:
            return "the part that adds the noise computes on a GPU, whatever the device is"
        return None

    def _check(self) -> list[Problem]:
        return [*super()._check(), *self._text_problems()]

    def _text_problems(self) -> Iterator[Problem]:
        assert isinstance(self.max_length, int)
        yield from self._model_problems("model", self.model, [self.guest.party_id], self.max_length)
        yield from self.llm.problems("llm")
        if (self.layout is None) == (self.layout_file is None):
            given = "both are" if self.layout else "neither is"
            yield Problem(
                "layout", self.layout, f"one of layout and layout_file is needed, and {given} given", "Set one."
            )
        if self.launcher is not None:
            reason = "the algorithm adds noise to gradients in one process"
            yield Problem("launcher", "DeepSpeed", reason, "Leave it out: one process with one GPU.")

    def _build(self, dag: DagBuilder) -> None:
        guest = ("guest", self.guest.party_id)
        self._add(dag, by_party={guest: self._small(), ("arbiter", self.arbiter): self._large()})

    def _texts(self, tokenizer: str, **further: object) -> JsonObject:
        arguments: dict[str, object] = {
            "tokenizer_name_or_path": tokenizer,
            "load_from": "json",
            "data_part": "train",
            "dataset_name": self.layout or "",
            "need_preprocess": True,
            "max_prompt_len": self.max_length,
            **further,
        }
        if self.layout_file is not None:
            arguments["config"] = self.layout_file
        return item("fate_llm.dataset.flex_dataset", "FlexDataset", arguments)

    def _small(self) -> JsonObject:
        party_id = self.guest.party_id
        tokenizer = self.model.tokenizer_conf(party_id)
        privacy = {"target_epsilon": self.epsilon, "target_delta": self.delta} if self.private else {}
        return {
            "algo": "fdkt",
            "model_conf": whole_model_conf(self.model, party_id),
            "tokenizer_conf": tokenizer_item(self.model, party_id),
            "optimizer_conf": item("torch.optim", "Adam", {"lr": self.learning_rate}),
            "training_args_conf": {
                **self._training_args(),
                "num_train_epochs": self.epochs,
                "dp_training": self.private,
                **privacy,
                "slm_generation_batch_size": self.batch_size,
                "seq_num_for_single_category": self.texts_per_label,
                "slm_generation_config": self._writing(),
            },
            "dataset_conf": self._texts(self.model.tokenizer_at(party_id)),
            "save_dp_model": True,
            "data_collator_conf": collator({**tokenizer, **self._label_padding()}),
            "task_type": "causal_lm",
        }

    def _label_padding(self) -> JsonObject:
        # The loss with noise leaves out what has the id of the padding, and not -100.
        return {} if self.model.pad_token_id is None else {"label_pad_token_id": self.model.pad_token_id}

    def _writing(self) -> JsonObject:
        how: dict[str, object] = {
            "max_new_tokens": self.max_length,
            "do_sample": True,
            "temperature": 1.0,
            "top_k": 50,
        }
        if self.model.pad_token_id is not None:
            how["pad_token_id"] = self.model.pad_token_id
        return how

    def _large(self) -> JsonObject:
        return {
            "algo": "fdkt",
            "inference_inst_conf": item("fate_llm.algo.fdkt.inference_inst", "api_init", self.llm.conf()),
            "embedding_model_conf": item(
                "fate_llm.model_zoo.embedding_transformer.st_model",
                "SentenceTransformerModel",
                {"model_name_or_path": self.embedding_model, **({"device": "cpu"} if self.device == "cpu" else {})},
            ),
            "training_args_conf": {
                "use_cpu": self.device == "cpu",
                "sample_num_per_cluster": self.samples_per_cluster,
                "filter_prompt_max_length": 2**14,
                "filter_generation_config": {"max_tokens": 512},
                "aug_generation_config": {"max_tokens": 3000, "temperature": 0.8, "top_p": 0.9},
                "aug_prompt_num": self.prompts,
            },
            "dataset_conf": self._texts(self.llm_tokenizer, few_shot_num_per_label=1),
            "task_type": "causal_lm",
        }
