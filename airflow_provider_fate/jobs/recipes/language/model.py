"""The language model that is tuned: where it is, and of which architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.language.families import FAMILIES, Family, FamilyName
from airflow_provider_fate.jobs.recipes.language.places import Places, missing_places, place_of, places
from airflow_provider_fate.jobs.recipes.plain import plain_errors

__all__ = ["LanguageModel", "collator", "item", "model_conf", "tokenizer_item", "whole_model_conf"]

_PADS_WITH_END = ("llama", "gpt2")
"""FATE-LLM looks for these words in the path of a tokenizer, and pads with the end token where it finds one."""


@plain_errors
class LanguageModel(BaseModel):
    """A causal language model in the format of Hugging Face's transformers, on the disks of the sites.

    :param path: folder with ``config.json``, weights and tokenizer, where the tasks of a site run: one for all parties,
        or one by party id, ``{"9999": "/data/gpt2", "10000": "/models/gpt2"}``.
    :param family: its architecture: ``gpt2``, ``llama``, ``qwen2``, ``opt``, ``bloom`` or ``chatglm``. For adapters
        FATE-LLM 2.2 has a class for each of these, and none for others: its ``AutoPELLM`` loads models without their
        last layer. Where the whole model is tuned it may be left out: any ``AutoModelForCausalLM`` will do.
    :param tokenizer: folder of the tokenizer; by default that of the model.
    :param dtype: numbers that the weights are loaded as: ``float32``, ``float16`` or ``bfloat16``; as they are stored
        by default.
    :param pad_token_id: the token that short rows are filled up with, where the tokenizer names none.
    :param trust_remote_code: run Python code that lies beside the weights. ChatGLM needs it. Whoever can write to
        the folder can then run code at the site.
    :param parameters: number of weights, such as ``7e9``; with it the need of memory can be estimated.
    :param positions: the longest row in tokens that the model takes (``max_position_embeddings``, ``n_positions``);
        with it ``max_length`` is checked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Places
    family: FamilyName | None = None
    tokenizer: Places | None = None
    dtype: Literal["float32", "float16", "bfloat16"] | None = None
    pad_token_id: Annotated[int, Field(ge=0)] | None = None
    trust_remote_code: bool = False
    parameters: Annotated[float, Field(gt=0)] | None = None
    positions: Annotated[int, Field(ge=2)] | None = None

    @property
    def kind(self) -> Family:
        """What is known of its architecture, where that is given."""
        assert self.family is not None
        return FAMILIES[self.family]

    def path_at(self, party_id: str) -> str:
        """Return the folder at one party."""
        return place_of(self.path, party_id)

    def tokenizer_at(self, party_id: str) -> str:
        """Return the folder of the tokenizer at one party."""
        return place_of(self.path if self.tokenizer is None else self.tokenizer, party_id)

    @property
    def alike(self) -> bool:
        """Whether the paths are the same at all parties."""
        return isinstance(self.path, str) and (self.tokenizer is None or isinstance(self.tokenizer, str))

    def tokenizer_conf(self, party_id: str) -> JsonObject:
        """Return how FATE-LLM loads the tokenizer at one party."""
        conf: JsonObject = {"tokenizer_name_or_path": self.tokenizer_at(party_id)}
        if self.pad_token_id is not None:
            conf["pad_token_id"] = self.pad_token_id
        if self.trust_remote_code:
            conf["trust_remote_code"] = True
        return conf

    def load_conf(self) -> JsonObject:
        """Return further arguments of the class that loads it."""
        conf: JsonObject = {}
        if self.dtype is not None:
            conf["torch_dtype"] = self.dtype
        if self.trust_remote_code:
            conf["trust_remote_code"] = True
        return conf

    def problems(self, field: str, party_ids: list[str], *, adapter: bool = True) -> Iterator[Problem]:
        """Yield what would fail at a site.

        :param field: name of the field that it is the value of.
        :param party_ids: the parties that load it.
        :param adapter: whether it is loaded by FATE-LLM's class for its family.
        """
        if adapter and self.family is None:
            known = ", ".join(FAMILIES)
            yield Problem(
                f"{field}.family",
                None,
                "FATE-LLM has a class for each architecture, and none for all",
                f"One of: {known}.",
            )
        yield from missing_places(f"{field}.path", self.path, party_ids)
        if self.tokenizer is not None:
            yield from missing_places(f"{field}.tokenizer", self.tokenizer, party_ids)
        if adapter and self.family is not None:
            yield from self._padding(field)
        if self.family is not None and self.kind.own_code and not self.trust_remote_code:
            yield Problem(
                f"{field}.trust_remote_code",
                False,
                f"{self.family} is loaded by Python code that lies beside its weights",
                "Review that code at each site, and set trust_remote_code=True; or take another family.",
            )

    def _padding(self, field: str) -> Iterator[Problem]:
        name, where = ("path", self.path) if self.tokenizer is None else ("tokenizer", self.tokenizer)
        given: str | Mapping[str, str] = where
        for party, path in places(given):
            word = next((word for word in _PADS_WITH_END if word in path.lower()), None)
            at = f"{field}.{name}{party}"
            if word is None and self.kind.no_padding and self.pad_token_id is None:
                yield Problem(
                    at,
                    path,
                    f"tokenizers of {self.family} have no padding token, and FATE-LLM takes the end token instead only "
                    "where the path has 'gpt2' or 'llama' in it: rows of different length would fail",
                    "Set pad_token_id (that of the end token will do), or rename the folder.",
                )
            elif word is not None and self.pad_token_id is not None:
                yield Problem(
                    f"{field}.pad_token_id",
                    self.pad_token_id,
                    f"FATE-LLM pads with the end token instead, because {path!r} has {word!r} in it",
                    "Leave pad_token_id out, or rename the folder.",
                )


def model_conf(model: LanguageModel, party_id: str, adapter: Mapping[str, Any]) -> JsonObject:
    """Return ``model_conf`` of FATE-LLM for a model with an adapter at one party."""
    kind = model.kind
    return item(kind.module, kind.item, {"pretrained_path": model.path_at(party_id), **adapter, **model.load_conf()})


def whole_model_conf(model: LanguageModel, party_id: str) -> JsonObject:
    """Return ``model_conf`` for a model without an adapter, of any architecture."""
    arguments = {"pretrained_model_name_or_path": model.path_at(party_id), **model.load_conf()}
    return item("fate_llm.model_zoo.hf_model", "HFAutoModelForCausalLM", arguments)


def tokenizer_item(model: LanguageModel, party_id: str) -> JsonObject:
    """Return ``tokenizer_conf`` for the tokenizer of a model."""
    return item("fate_llm.data.tokenizers.cust_tokenizer", "get_tokenizer", model.tokenizer_conf(party_id))


def collator(tokenizer: JsonObject) -> JsonObject:
    """Return ``data_collator_conf``: what brings the rows of a batch to one length."""
    return item("fate_llm.data.data_collator.cust_data_collator", "get_seq2seq_data_collator", tokenizer)


def item(module: str, name: str, kwargs: Mapping[str, object]) -> JsonObject:
    """Return how FATE's loader is told to make something."""
    return {"module_name": module, "item_name": name, "kwargs": dict(kwargs), "source": None}
