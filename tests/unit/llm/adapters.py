"""Adapters of a small language model, as FATE-LLM 2.2 sends them, and a base model that they fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save, save_file

from airflow_provider_fate.models.manifest import ModelManifest, ModelParty, content_digest
from airflow_provider_fate.models.package import ModelPackage, write_package
from airflow_provider_fate.models.part import unpack_part
from tests.unit.models.samples import tar

WIDTH, RANK = 8, 2
SERVER = "/srv/fate/models/tiny_gpt2"
Tensors = dict[str, Any]

#: As recorded from PEFT 0.8.2, which FATE-LLM 2.2 pins.
CONFIG: dict[str, Any] = {
    "alpha_pattern": {}, "auto_mapping": {"base_model_class": "GPT2LMHeadModel", "parent_library": "os.path"},
    "base_model_name_or_path": SERVER, "bias": "none", "fan_in_fan_out": True, "inference_mode": True,
    "init_lora_weights": True, "layers_pattern": None, "layers_to_transform": None, "loftq_config": {},
    "lora_alpha": 8, "lora_dropout": 0.0, "megatron_config": None, "megatron_core": "megatron.core",
    "modules_to_save": None, "peft_type": "LORA", "r": RANK, "rank_pattern": {}, "revision": None,
    "target_modules": ["c_attn"], "task_type": "CAUSAL_LM", "use_rslora": False,
}  # fmt: skip


def lora(width: int = WIDTH, second: float = 0.25, kind: Any = np.float32) -> Tensors:
    """LoRA for the two layers of :func:`base`."""
    first = np.linspace(-1, 1, RANK * width).reshape(RANK, width)
    name = "base_model.model.transformer.h.{}.attn.c_attn.lora_{}.weight"
    return {
        name.format(layer, factor): np.ascontiguousarray(values.astype(kind))
        for layer in range(2)
        for factor, values in (("A", first), ("B", np.full((3 * width, RANK), second)))
    }


def base(folder: Path, width: int = WIDTH, prefix: str = "transformer.") -> Path:
    """A base model: its configuration, shapes and tokenizer; no library could run it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_embd": width}))
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    shape = (width, 3 * width)  # GPT-2 stores its layers the other way round
    names = [f"{prefix}h.{layer}.attn.c_attn.weight" for layer in range(2)]
    save_file({name: np.ones(shape, dtype=np.float32) for name in names}, folder / "model.safetensors")
    return folder


def packed(
    folder: Path,
    tensors: Tensors | None = None,
    config: dict[str, Any] | None = None,
    dataset: Any = None,
    files: dict[str, bytes] | None = None,
) -> ModelPackage:
    """The package of a job that has tuned an adapter."""
    meta = {
        "type_name": "model_directory",
        "source": {"output_artifact_key": "output_model"},
        "metadata": {"metadata": {"runner_conf": {"dataset_conf": dataset}}},
    }
    given = {
        "adapter_model.safetensors": save(lora() if tensors is None else tensors, {"format": "pt"}),
        "adapter_config.json": json.dumps(CONFIG | (config or {})).encode(),
        "README.md": b"---\nlibrary_name: peft\n---\n[More Information Needed]\n",
        "model_directory.meta.yaml": json.dumps(meta).encode(),
    }
    given = {name: content for name, content in (given | (files or {})).items() if content}
    (place := folder / "llm_0").mkdir(parents=True)
    part = unpack_part(tar(given), place, task="llm_0", component="homo_nn", provider=None)
    manifest = ModelManifest(
        role="guest", party_id="9999", job_id="1", model_id="1", model_version="0", parts=(part.part,),
        parties=(ModelParty(role="guest", party_id="9999"),), content_sha256=content_digest([part.part]),
    )  # fmt: skip
    return write_package(manifest, [part], folder / "model.zip")
