"""Adapters: the few weights that are trained and exchanged, instead of the whole model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel
from airflow_provider_fate.jobs.recipes.plain import plain_errors
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["IA3", "Adapter", "Lora", "PTuning", "Prefix", "Prompt"]

Count: TypeAlias = Annotated[int, Field(ge=1)]


class _Adapter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    @model_serializer(mode="wrap")
    def _with_kind(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Without defaults there would be nothing left that tells one adapter from another.
        return {"kind": self.kind, **handler(self)}

    @property
    def virtual_tokens(self) -> int:
        """Positions of the model that it takes up."""
        return 0

    def peft(self, model: LanguageModel, party_id: str) -> JsonObject:
        """Return ``peft_type`` and ``peft_config`` for the class of FATE-LLM that loads the model."""
        raise NotImplementedError

    def problems(self, field: str, model: LanguageModel) -> Iterator[Problem]:
        """Yield what does not fit to the model."""
        return iter(())


def _conf(config_class: str, kind: str, **arguments: object) -> JsonObject:
    return {
        "peft_type": config_class,
        "peft_config": {"peft_type": kind, "task_type": "CAUSAL_LM", "inference_mode": False, **arguments},
    }


def _unknown_layers(field: str, given: list[str], model: LanguageModel) -> Iterator[Problem]:
    for position, name in enumerate(given):
        if name.rpartition(".")[2] not in model.kind.layers:
            known = f"It has: {', '.join(model.kind.layers)}."
            yield Problem(
                f"{field}.{position}",
                name,
                f"{model.family} has no layer of this name, and the task would fail once the model is loaded",
                f"{did_you_mean(name, model.kind.layers)} {known}".strip(),
            )


@plain_errors
class Lora(_Adapter):
    """Low-rank changes of some layers (LoRA).

    :param r: rank of the changes; the size of the adapter grows with it.
    :param alpha: how strongly they count: by ``alpha / r``.
    :param dropout: share of inputs that is dropped while training.
    :param targets: names of the layers, such as ``["q_proj", "v_proj"]``; or ``"all-linear"`` for all but the last. By
        default the projections of the attention.
    :param bias: which biases are trained, too.
    :param rslora: count by ``alpha / sqrt(r)``, which suits high ranks.
    """

    kind: Literal["lora"] = "lora"
    r: Templated[Count] = Field(default=8, description="a whole number, at least 1")
    alpha: Templated[Count] = Field(default=16, description="a whole number, at least 1")
    dropout: Templated[Annotated[float, Field(ge=0, lt=1)]] = Field(
        default=0.05, description="a share, from 0 to below 1"
    )
    targets: Annotated[list[str], Field(min_length=1)] | Literal["all-linear"] | None = None
    bias: Literal["none", "all", "lora_only"] = "none"
    rslora: bool = False

    def problems(self, field: str, model: LanguageModel) -> Iterator[Problem]:
        """Yield layers that the model does not have."""
        if isinstance(self.targets, list):
            yield from _unknown_layers(f"{field}.targets", self.targets, model)

    def peft(self, model: LanguageModel, party_id: str) -> JsonObject:
        """Return it for peft's ``LoraConfig``."""
        conf: dict[str, object] = {
            "r": self.r,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "target_modules": list(model.kind.attention) if self.targets is None else self.targets,
            "bias": self.bias,
            "fan_in_fan_out": model.kind.transposed,
        }
        if self.rslora:
            conf["use_rslora"] = True
        return _conf("LoraConfig", "LORA", **conf)


@plain_errors
class Prefix(_Adapter):
    """Trained keys and values before those of the text, in every layer (prefix tuning).

    :param tokens: how many.
    :param projection: learn them through a small network, which trains more calmly and is thrown away afterwards.
    """

    kind: Literal["prefix"] = "prefix"
    tokens: Annotated[int, Field(ge=1)] = 20
    projection: bool = False

    @property
    def virtual_tokens(self) -> int:
        """The prefix."""
        return self.tokens

    def peft(self, model: LanguageModel, party_id: str) -> JsonObject:
        """Return it for peft's ``PrefixTuningConfig``."""
        return _conf(
            "PrefixTuningConfig",
            "PREFIX_TUNING",
            num_virtual_tokens=self.tokens,
            prefix_projection=self.projection,
        )


@plain_errors
class Prompt(_Adapter):
    """Trained tokens before the text (prompt tuning).

    :param tokens: how many.
    :param text: begin with the tokens of this text, instead of random ones.
    """

    kind: Literal["prompt"] = "prompt"
    tokens: Annotated[int, Field(ge=1)] = 20
    text: str | None = None

    @property
    def virtual_tokens(self) -> int:
        """The prompt."""
        return self.tokens

    def peft(self, model: LanguageModel, party_id: str) -> JsonObject:
        """Return it for peft's ``PromptTuningConfig``."""
        begin: dict[str, object] = {"prompt_tuning_init": "RANDOM"}
        if self.text is not None:
            begin = {
                "prompt_tuning_init": "TEXT",
                "prompt_tuning_init_text": self.text,
                "tokenizer_name_or_path": model.tokenizer_at(party_id),
            }
        return _conf("PromptTuningConfig", "PROMPT_TUNING", num_virtual_tokens=self.tokens, **begin)


@plain_errors
class PTuning(_Adapter):
    """Trained tokens before the text that a small network makes (P-tuning).

    :param tokens: how many.
    :param hidden: width of the network; that of the model by default.
    """

    kind: Literal["p-tuning"] = "p-tuning"
    tokens: Annotated[int, Field(ge=1)] = 20
    hidden: Annotated[int, Field(ge=1)] | None = None

    @property
    def virtual_tokens(self) -> int:
        """The prompt."""
        return self.tokens

    def peft(self, model: LanguageModel, party_id: str) -> JsonObject:
        """Return it for peft's ``PromptEncoderConfig``."""
        width: dict[str, object] = {} if self.hidden is None else {"encoder_hidden_size": self.hidden}
        return _conf("PromptEncoderConfig", "P_TUNING", num_virtual_tokens=self.tokens, **width)


@plain_errors
class IA3(_Adapter):
    """Trained factors of some activations (IA3): fewer weights still than LoRA.

    :param targets: names of the layers; by default those that peft takes for the architecture.
    :param feedforward: which of them are feed-forward; needed with ``targets``.
    """

    kind: Literal["ia3"] = "ia3"
    targets: Annotated[list[str], Field(min_length=1)] | None = None
    feedforward: list[str] | None = None

    def problems(self, field: str, model: LanguageModel) -> Iterator[Problem]:
        """Yield layers that the model does not have, and such as are not among the targets."""
        targets, feedforward = self._layers(model)
        yield from _unknown_layers(f"{field}.targets", targets, model)
        for position, name in enumerate(feedforward):
            if name not in targets:
                yield Problem(
                    f"{field}.feedforward.{position}",
                    name,
                    "it is not among the targets",
                    f"Targets: {', '.join(targets)}.",
                )

    def _layers(self, model: LanguageModel) -> tuple[list[str], list[str]]:
        targets, feedforward = model.kind.ia3
        if self.targets is None:
            return list(targets), list(feedforward if self.feedforward is None else self.feedforward)
        return self.targets, self.feedforward or []

    def peft(self, model: LanguageModel, party_id: str) -> JsonObject:
        """Return it for peft's ``IA3Config``."""
        targets, feedforward = self._layers(model)
        return _conf(
            "IA3Config",
            "IA3",
            target_modules=targets,
            feedforward_modules=feedforward,
            fan_in_fan_out=model.kind.transposed,
        )


Adapter: TypeAlias = Annotated[Lora | Prefix | Prompt | PTuning | IA3, Field(discriminator="kind")]
"""One of the adapters; in YAML ``kind`` says which."""
