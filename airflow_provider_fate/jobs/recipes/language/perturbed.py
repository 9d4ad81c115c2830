"""Questions to a large model that sees a perturbed copy only (InferDPT), and small models that learn from it (PDSS)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.language.job import LanguageJob
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel, item, tokenizer_item, whole_model_conf
from airflow_provider_fate.jobs.recipes.language.templates import template_problems, to_jinja
from airflow_provider_fate.jobs.recipes.language.training import FineTuning
from airflow_provider_fate.jobs.recipes.party import Party, PartyId
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["PDSS", "InferDPT"]

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def _class(value: str) -> str:
    if not _CLASS.fullmatch(value):
        raise ValueError("it is not written 'module:Class', such as 'hospital.inferdpt:Client'")
    return value


InitClass = Annotated[str, AfterValidator(_class)]
"""A class of FATE-LLM's kind ``InferInit``, which makes what one side of the exchange needs."""

_MISSING = "its package lacks fate_llm.algo.inferdpt.init, which the runner imports"


def _init(name: str) -> JsonObject:
    module, _, item_name = name.partition(":")
    return item(module, item_name, {})


class InferDPT(LanguageJob):
    """Ask a large model at the arbiter, which sees perturbed questions only (InferDPT).

    The guest replaces words of its questions by others that are near, the more surely the larger the budget of its
    perturbation is, has them answered, and lets a small model of its own make answers of these for the real questions.
    They are in ``inference_result.pkl`` of the guest's output.

    **The published FATE-LLM 2.2.0 cannot run it**: its package lacks ``fate_llm.algo.inferdpt.init``. So the recipe
    wants a ``provider`` of the sites that has it; with such a one, and two local models, it ran here through FATE-Flow.

    :param arbiter: party id of the owner of the large model.
    :param client: class of the guest's environment that makes its side, ``"module:Class"``: perturbation with its
        budget (``epsilon``), small model.
    :param server: class of the arbiter's environment that makes its side.
    :param part: part of the data set that is read (``save_to_disk``), which the guest's table is bound to.
    :param question: what is perturbed, with columns in braces: ``"{question}"``.
    :param instruction: what the large model is asked, with ``{perturbed_doc}``.
    :param answer: what the small model is asked, with ``{perturbed_response}`` and columns.
    :param remote_arguments: of the large model, such as ``{"max_new_tokens": 256}``.
    :param local_arguments: of the small model.
    """

    _runner: ClassVar[tuple[str, str]] = ("inferdpt_runner", "InferDPTRunner")
    _broken = _MISSING
    _hosts = "refused"

    hosts: list[Party] = Field(default_factory=list)
    arbiter: PartyId
    client: InitClass
    server: InitClass
    part: str = "test"
    question: str = "{question}"
    instruction: str
    answer: str
    remote_arguments: dict[str, Any] = Field(default_factory=dict)
    local_arguments: dict[str, Any] = Field(default_factory=dict)

    def _arbiter(self) -> str:
        return self.arbiter

    def _check(self) -> list[Problem]:
        return [
            *super()._check(),
            *template_problems("question", self.question),
            *template_problems("instruction", self.instruction, needed=["perturbed_doc"], only=["perturbed_doc"]),
            *template_problems("answer", self.answer, needed=["perturbed_response"]),
        ]

    def _build(self, dag: DagBuilder) -> None:
        rows = {"load_from_disk": True, "data_split_key": self.part}
        guest = {
            "inferdpt_init_conf": _init(self.client),
            "dataset_conf": item("fate_llm.dataset.hf_dataset", "HuggingfaceDataset", rows),
            "encode_template": to_jinja(self.question),
            "instruction_template": to_jinja(self.instruction),
            "decode_template": to_jinja(self.answer),
            "remote_inference_kwargs": self.remote_arguments,
            "local_inference_kwargs": self.local_arguments,
        }
        server = {"inferdpt_init_conf": _init(self.server)}
        self._add(dag, by_party={("guest", self.guest.party_id): guest, ("arbiter", self.arbiter): server})


class PDSS(FineTuning):
    """Train a small model on the reasons that a large one gives for perturbed questions (PDSS, later called FedCoT).

    The guest sends perturbed questions to the arbiter, whose large model answers with its reasons; the guest decodes
    them, and trains a small model to give both answer and reason.

    **The published FATE-LLM 2.2.0 cannot run it**: it imports ``fate_llm.algo.inferdpt.init``, which the package lacks.
    So the recipe wants a ``provider`` of the sites that has it. **It was not run here**: the configuration follows the
    runner's source.

    :param arbiter: party id of the owner of the large model.
    :param variant: ``pdss``, as the release 2.2.0 calls it, or ``fedcot``, as later ones do.
    :param client: class of the guest's environment that makes its side of the exchange, ``"module:Class"``.
    :param server: class of the arbiter's environment that makes its side.
    :param mode: ask and train, or one of the two: ``infer_and_train``, ``infer_only``, ``train_only``.
    :param model: the small model of the guest: any ``AutoModelForCausalLM``.
    :param part: part of the data set that is read (``save_to_disk``), which the guest's table is bound to.
    :param question: what is perturbed, with columns in braces: ``"{question}"``.
    :param instruction: what the large model is asked, with ``{perturbed_doc}``.
    :param reason: what is made of its answer, with ``{perturbed_response}`` and columns.
    :param answer_prompt: what the small model is asked for an answer, with columns.
    :param answer: the answer, with the column that has it.
    :param reason_prompt: what the small model is asked for a reason, with columns.
    :param epochs: passes over the rows.
    :param max_prompt_length: tokens of what the small model is asked.
    :param max_answer_length: tokens of its answer.
    :param remote_arguments: of the large model, such as ``{"max_tokens": 256}``.
    :param local_arguments: of the model that decodes.
    """

    _runner: ClassVar[tuple[str, str]] = ("pdss_runner", "PDSSRunner")
    _broken = _MISSING
    _hosts = "refused"
    _tunes_adapter: ClassVar[bool] = False
    _default_args: ClassVar[JsonObject] = {"remove_unused_columns": False}

    hosts: list[Party] = Field(default_factory=list)
    arbiter: PartyId
    variant: Literal["pdss", "fedcot"] = "pdss"
    client: InitClass
    server: InitClass
    mode: Literal["infer_and_train", "infer_only", "train_only"] = "infer_and_train"
    model: LanguageModel
    part: str = "train"
    question: str = "{question}"
    instruction: str
    reason: str
    answer_prompt: str
    answer: str
    reason_prompt: str
    epochs: Templated[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=3, description="1 to 10000 epochs")
    max_prompt_length: Templated[Annotated[int, Field(ge=8)]] = Field(default=256, description="at least 8 tokens")
    max_answer_length: Templated[Annotated[int, Field(ge=8)]] = Field(default=256, description="at least 8 tokens")
    remote_arguments: dict[str, Any] = Field(default_factory=dict)
    local_arguments: dict[str, Any] = Field(default_factory=dict)

    def _arbiter(self) -> str:
        return self.arbiter

    def _runs(self) -> tuple[str, str]:
        return self._runner if self.variant == "pdss" else ("fedcot_runner", "FedCoTRunner")

    def _check(self) -> list[Problem]:
        return [*super()._check(), *self._text_problems()]

    def _text_problems(self) -> Iterator[Problem]:
        assert isinstance(self.max_prompt_length, int)
        assert isinstance(self.max_answer_length, int)
        tokens = self.max_prompt_length + self.max_answer_length + 1
        yield from self._model_problems("model", self.model, [self.guest.party_id], tokens)
        yield from template_problems("question", self.question)
        yield from template_problems("instruction", self.instruction, needed=["perturbed_doc"], only=["perturbed_doc"])
        yield from template_problems("reason", self.reason, needed=["perturbed_response"])
        for name in ("answer_prompt", "answer", "reason_prompt"):
            yield from template_problems(name, getattr(self, name))

    def _build(self, dag: DagBuilder) -> None:
        party_id = self.guest.party_id
        tokenizer = self.model.tokenizer_at(party_id)
        texts = {
            "tokenizer_path": tokenizer,
            "predict_input_template": to_jinja(self.answer_prompt),
            "predict_output_template": to_jinja(self.answer),
            "rationale_input_template": to_jinja(self.reason_prompt),
            "rationale_output_template": "{{infer_result}}",
            "max_input_length": self.max_prompt_length,
            "max_target_length": self.max_answer_length,
            "load_from": "hf_load_from_disk",
            "split_key": self.part,
        }
        guest = {
            "mode": self.mode,
            "model_conf": whole_model_conf(self.model, party_id),
            "dataset_conf": item(f"fate_llm.dataset.{self.variant}_dataset", "PrefixDataset", texts),
            "training_args_conf": {**self._training_args(), "num_train_epochs": self.epochs},
            "data_collator_conf": item(
                f"fate_llm.data.data_collator.{self.variant}_collator",
                "get_prefix_data_collator",
                {"tokenizer_name_or_path": tokenizer},
            ),
            "tokenizer_conf": tokenizer_item(self.model, party_id),
            "infer_inst_init_conf": _init(self.client),
            "encode_template": to_jinja(self.question),
            "instruction_template": to_jinja(self.instruction),
            "decode_template": to_jinja(self.reason),
            "remote_inference_kwargs": self.remote_arguments,
            "local_inference_kwargs": self.local_arguments,
        }
        server = {"mode": self.mode, "infer_inst_init_conf": _init(self.server)}
        self._add(dag, by_party={("guest", party_id): guest, ("arbiter", self.arbiter): server})
        self._launch(dag, [("guest", party_id)])
