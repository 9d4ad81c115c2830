"""What FATE-LLM 2.2 knows of the architectures that it can tune."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["FAMILIES", "Family", "FamilyName"]

FamilyName: TypeAlias = Literal["gpt2", "llama", "qwen2", "opt", "bloom", "chatglm"]

_LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "embed_tokens", "lm_head")


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture.

    :ivar module: of FATE-LLM, that has the class which loads it.
    :ivar item: the class.
    :ivar attention: layers that LoRA changes by default, as in the paper: the projections of the attention.
    :ivar layers: last names of all layers that an adapter can change.
    :ivar ia3: layers that IA3 rescales by default, and which of them are feed-forward.
    :ivar transposed: its layers keep their weights transposed (``Conv1D``), which LoRA has to know.
    :ivar no_padding: tokenizers of the family come without a padding token.
    :ivar own_code: it is loaded by Python code that lies beside its weights.
    """

    module: str
    item: str
    attention: tuple[str, ...]
    layers: tuple[str, ...]
    ia3: tuple[tuple[str, ...], tuple[str, ...]]
    transposed: bool = False
    no_padding: bool = False
    own_code: bool = False


_BLOOM_LAYERS = ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h", "word_embeddings", "lm_head")
_BLOOM_IA3 = (("query_key_value", "mlp.dense_4h_to_h"), ("mlp.dense_4h_to_h",))
_LLAMA_IA3 = (("k_proj", "v_proj", "down_proj"), ("down_proj",))

FAMILIES: Mapping[FamilyName, Family] = {
    "gpt2": Family(
        "fate_llm.model_zoo.pellm.gpt2",
        "GPT2CLM",
        ("c_attn",),
        ("c_attn", "c_proj", "c_fc", "wte", "wpe", "lm_head"),
        (("c_attn", "mlp.c_proj"), ("mlp.c_proj",)),
        transposed=True,
        no_padding=True,
    ),
    "llama": Family(
        "fate_llm.model_zoo.pellm.llama", "LLaMa", ("q_proj", "v_proj"), _LLAMA, _LLAMA_IA3, no_padding=True
    ),
    "qwen2": Family("fate_llm.model_zoo.pellm.qwen", "Qwen", ("q_proj", "v_proj"), _LLAMA, _LLAMA_IA3),
    "opt": Family(
        "fate_llm.model_zoo.pellm.opt",
        "OPT",
        ("q_proj", "v_proj"),
        ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2", "embed_tokens", "lm_head"),
        (("q_proj", "k_proj", "fc2"), ("fc2",)),
    ),
    "bloom": Family("fate_llm.model_zoo.pellm.bloom", "Bloom", ("query_key_value",), _BLOOM_LAYERS, _BLOOM_IA3),
    "chatglm": Family(
        "fate_llm.model_zoo.pellm.chatglm",
        "ChatGLM",
        ("query_key_value",),
        _BLOOM_LAYERS,
        _BLOOM_IA3,
        own_code=True,
    ),
}
"""The families of :mod:`fate_llm.model_zoo.pellm` that generate text, by the names that transformers give them."""
