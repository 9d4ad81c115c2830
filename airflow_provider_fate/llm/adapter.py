"""The adapter in a model package, as a folder that PEFT loads.

FATE-LLM stores one with the path of the base model on its server, and with whatever the client wrote into it. Here it
becomes what others expect: the base model by the name under which they find it, and nothing that makes a library import
something. Its weights are looked at before they are given on.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_fate.errors import FateInputError, FateModelPackageError
from airflow_provider_fate.llm.base import BaseModelFolder
from airflow_provider_fate.llm.prompt import PromptLayout, layout_of
from airflow_provider_fate.llm.tensor_file import TensorFile, read_tensor_file
from airflow_provider_fate.models.manifest import ModelPart, PartFile
from airflow_provider_fate.models.package import ModelPackage, sha256_of
from airflow_provider_fate.models.part import find_described

__all__ = ["ADAPTER_CONFIG", "ADAPTER_WEIGHTS", "Adapter", "read_adapter"]

ADAPTER_WEIGHTS, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
KINDS = ("LORA", "ADALORA", "IA3", "PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "LOHA",
         "LOKR", "OFT")  # fmt: skip
_LARGEST_CONFIG = 1 << 20
_LARGEST_META = 16 << 20
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class Adapter:
    """An adapter whose files lie on this machine.

    :param task: the task that has trained it.
    :param config: PEFT's description of it, as FATE stores it.
    :param weights: its tensors.
    :param layout: how prompts were laid out in its training; ``None``: not known.
    """

    task: str
    config: Mapping[str, Any]
    weights: TensorFile
    layout: PromptLayout | None = None

    @property
    def kind(self) -> str:
        """PEFT's name of its kind: ``LORA``."""
        return str(self.config["peft_type"])

    @property
    def sha256(self) -> str:
        """Checksum of its weights."""
        return sha256_of(self.weights.path)

    @property
    def parameters(self) -> int:
        """How many numbers it has."""
        return sum(facts.count for facts in self.weights.tensors.values())

    @property
    def targets(self) -> tuple[str, ...]:
        """Modules that it changes, as the job has named them; empty where it changes none by name."""
        given = self.config.get("target_modules") or ()
        return (given,) if isinstance(given, str) else tuple(sorted(map(str, given)))

    def published(self, base_model: str, base_revision: str | None) -> str:
        """``adapter_config.json`` for others.

        :param base_model: name under which they find the base model.
        :param base_revision: its revision there.
        """
        changed = {
            "base_model_name_or_path": base_model,
            "revision": base_revision,
            "inference_mode": True,
            "task_type": "CAUSAL_LM",
            # PEFT would import the library that it names.
            "auto_mapping": None,
        }
        return json.dumps({**self.config, **changed}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def require_sound(self) -> None:
        """Check that it is an adapter that has learnt something.

        :raises FateInputError: its training has diverged, or has changed nothing.
        :raises FateModelPackageError: its weights are not of the kind that it says.
        """
        largest = {name: self.weights.largest(name) for name in self.weights.tensors}
        if broken := [name for name, value in largest.items() if not math.isfinite(value)]:
            raise FateInputError(
                f"The adapter of task {self.task} is useless: {len(broken)} of its {len(largest)} tensors hold values "
                f"that are no numbers ({broken[0]}).",
                hint="The training has diverged. Lower the learning rate, or train without half precision.",
            )
        if self.kind != "LORA":
            return
        # LoRA begins with zeros in one of its two factors, so that it changes nothing at first.
        second = [name for name in largest if ".lora_B." in name or ".lora_embedding_B" in name]
        if not second:
            raise FateModelPackageError(
                f"{ADAPTER_WEIGHTS} of task {self.task} is refused: it says that it is LORA, and has no lora_B.",
                member=ADAPTER_WEIGHTS,
                hint="Export the model again.",
            )
        if not any(largest[name] for name in second):
            raise FateInputError(
                f"The adapter of task {self.task} changes nothing: its training has not moved it.",
                hint="Were there steps at all? Look at the epochs, the batch size and the learning rate of the job.",
            )

    def require_fitting(self, base: BaseModelFolder) -> None:
        """Check that a base model has the modules that the adapter changes, in its sizes.

        :raises FateInputError: it is another model.
        """
        if self.kind != "LORA":
            return
        transposed = bool(self.config.get("fan_in_fan_out"))
        for module, (inputs, outputs) in self._factors():
            shape = base.shape_of(module)
            wanted = (inputs, outputs) if transposed else (outputs, inputs)
            if shape == wanted:
                continue
            found = "there is none" if shape is None else f"it is {shape[0]} x {shape[-1]}"
            raise FateInputError(
                f"The adapter of task {self.task} does not fit the base model in {base.path}: it changes {module} of "
                f"{wanted[0]} x {wanted[1]}, and {found}.",
                hint="Give the model that was trained: the same name, size and revision.",
            )

    def _factors(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Inputs and outputs of each module that has factors of LoRA."""
        tensors = self.weights.tensors
        for name, facts in tensors.items():
            module, found, rest = name.removeprefix(_PREFIX).partition(".lora_A.")
            if not found:
                continue
            other = tensors.get(f"{name.removesuffix(rest).removesuffix('lora_A.')}lora_B.{rest}")
            if other is None or len(facts.shape) != 2 or len(other.shape) != 2 or facts.shape[0] != other.shape[1]:
                raise FateModelPackageError(
                    f"{ADAPTER_WEIGHTS} of task {self.task} is refused: the factors of {module} do not go together.",
                    member=ADAPTER_WEIGHTS,
                    hint="Export the model again.",
                )
            yield module, (facts.shape[1], other.shape[0])


def read_adapter(package: ModelPackage, folder: Path) -> Adapter:
    """Take the adapter out of a package.

    :param folder: where its weights go.
    :raises FateInputError: the package holds none, or more than one.
    :raises FateModelPackageError: it is damaged, or not what it says.
    """
    part, files = _part(package)
    config = _json(package, part, files[ADAPTER_CONFIG])
    kind = config.get("peft_type")
    if kind not in KINDS:
        raise FateModelPackageError(
            f"{ADAPTER_CONFIG} of task {part.task} is refused: peft_type={kind!r} is no kind of adapter.",
            member=ADAPTER_CONFIG,
            hint=f"Known are {', '.join(KINDS)}.",
        )
    place = folder / ADAPTER_WEIGHTS
    with package.open(part, files[ADAPTER_WEIGHTS]) as source, place.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    weights = read_tensor_file(place, f"{ADAPTER_WEIGHTS} of task {part.task}")
    if not weights.tensors:
        raise FateModelPackageError(
            f"{ADAPTER_WEIGHTS} of task {part.task} is refused: it holds no tensors.",
            member=ADAPTER_WEIGHTS,
            hint="Export the model again.",
        )
    return Adapter(part.task, config, weights, _layout(package, part))


def _part(package: ModelPackage) -> tuple[ModelPart, Mapping[str, PartFile]]:
    found = []
    for part in package.manifest.parts:
        files = {file.path.rpartition("/")[2]: file for file in part.files}
        if ADAPTER_CONFIG in files and ADAPTER_WEIGHTS in files:
            found.append((part, files))
        elif ADAPTER_CONFIG in files:
            raise FateInputError(
                f"The adapter of task {part.task} is not stored as {ADAPTER_WEIGHTS}.",
                hint="Pickles are not read. PEFT 0.8 and newer write safetensors.",
            )
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{part.task} ({part.component})" for part in package.manifest.parts)
    raise FateInputError(
        f"The package of {package.manifest.who} holds {len(found)} adapters: {there}.",
        hint="Give the export of a job that has tuned an adapter of a language model, and has saved nothing else "
        "(save_trainable_weights_only). The arbiter has none."
        if not found
        else "Train one adapter in a job.",
    )


def _json(package: ModelPackage, part: ModelPart, file: PartFile) -> dict[str, Any]:
    found: Any = None
    if file.size <= _LARGEST_CONFIG:
        with package.open(part, file) as opened:
            try:
                found = json.loads(opened.read())
            except (ValueError, RecursionError):
                found = None
    if not isinstance(found, dict):
        raise FateModelPackageError(
            f"{file.path} of task {part.task} is refused: it is no JSON that can be read.",
            member=file.path,
            hint="Export the model again.",
        )
    return found


def _layout(package: ModelPackage, part: ModelPart) -> PromptLayout | None:
    """What FATE says of the training's rows; nothing that is named there is imported."""
    described = next((file for file in part.files if file.path.endswith(".meta.yaml")), None)
    if described is None or described.size > _LARGEST_META:
        return None
    with package.open(part, described) as opened:
        try:
            meta = yaml.safe_load(opened)
        except (yaml.YAMLError, UnicodeDecodeError):
            return None
    conf = find_described(meta, "runner_conf")
    return layout_of(conf.get("dataset_conf")) if isinstance(conf, Mapping) else None
