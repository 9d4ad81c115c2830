"""A tiny causal language model, made on the spot: for tests and examples, where no hub of models can be reached."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from airflow_provider_fate.errors import FateInputError

__all__ = ["Family", "TinyModel", "make_tiny_model"]

Family = Literal["gpt2", "llama", "qwen2", "opt", "bloom"]
_SCRIPT = Path(__file__).parent / "payload" / "fate_llm_tiny.py"
_MARKER = "tiny.json"
_HINT = "name a Python with torch and transformers, such as FATE-LLM's: fate-local install --with llm"
#: Longest that the script may take (seconds): thousands of steps on a slow machine.
_PATIENCE = 1800


@dataclass(frozen=True)
class TinyModel:
    """What stands beside a tiny model in its folder.

    :param family: architecture.
    :param parameters: how many numbers it has.
    :param vocabulary: tokens of its tokenizer, and rows of its embeddings.
    :param loss: mean loss of the last steps of its training, in nats per token; None for one that was not trained.
    :param made_of: SHA-256 of family, texts, steps, seed and the script: the same give the same model.
    """

    family: Family
    parameters: int
    vocabulary: int
    loss: float | None
    made_of: str

    @classmethod
    def read(cls, folder: Path) -> TinyModel | None:
        """What the folder holds; None where no tiny model is."""
        try:
            return cls(**json.loads((folder / _MARKER).read_text()))
        except (OSError, ValueError, TypeError):
            return None


def make_tiny_model(
    folder: Path,
    *,
    python: Path,
    family: Family = "gpt2",
    texts: Sequence[str | tuple[str, str]] = (),
    steps: int = 0,
    seed: int = 7,
) -> Path:
    """Make a causal language model of some 200,000 parameters and its tokenizer, or take the one that is there.

    It is a toy: good for seeing that a way works from end to end, not for its answers. ``AutoModelForCausalLM`` and
    ``AutoTokenizer`` of transformers load it; its weights are safetensors. The same arguments give the same model.

    :param folder: where to put it: into ``tiny-<family>`` in there, as FATE-LLM reads the family off the path.
    :param python: interpreter of an environment with transformers: FATE-LLM's (``fate-local install --with llm``).
    :param family: architecture.
    :param texts: what its tokenizer is made from, and what it learns: texts, or pairs of a prompt and its answer;
        without any it spells everything.
    :param steps: how long it learns the texts; with 0 it knows nothing, 150 take some ten seconds.
    :param seed: of its first weights, and of what it sees when.
    :returns: the model's own folder.
    :raises FateInputError: an unknown family, negative steps, an interpreter that cannot make it, or something else in
        the place of the model.
    """
    if family not in get_args(Family):
        raise FateInputError(f"family={family!r} is unknown", hint=f"choose one of: {', '.join(get_args(Family))}")
    if steps < 0 or (steps and not any(texts)):
        raise FateInputError(f"steps={steps} with {len(texts)} texts", hint="give texts, and 0 steps or more")
    place = Path(folder).expanduser().absolute() / f"tiny-{family}"
    asked = {"family": family, "texts": list(texts), "steps": steps, "seed": seed}
    made_of = hashlib.sha256((json.dumps(asked) + _SCRIPT.read_text()).encode()).hexdigest()
    there = TinyModel.read(place)
    if there is not None and there.made_of == made_of:
        return place
    if there is None and place.exists() and any(place.iterdir()):
        raise FateInputError(f"folder={str(folder)!r} has a {place.name} that is no tiny model", hint="name another")
    place.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, and renamed into it: nobody loads half of it.
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as building:
        model = Path(building) / place.name
        model.mkdir()
        answer = _run(python, {**asked, "folder": str(model)}, Path(building))
        (model / _MARKER).write_text(json.dumps({**answer, "family": family, "made_of": made_of}, indent=2) + "\n")
        if place.exists():
            shutil.rmtree(place)
        model.rename(place)
    return place


def _run(python: Path, request: dict[str, object], folder: Path) -> dict[str, object]:
    asked, answer = folder / "request.json", folder / "answer.json"
    asked.write_text(json.dumps(request))
    env = {"PATH": os.defpath, "HOME": str(folder), "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(
            [python, str(_SCRIPT), str(asked), str(answer)],
            capture_output=True, text=True, errors="replace", env=env, timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except OSError as error:
        raise FateInputError(f"python={str(python)!r} does not start: {error.strerror}", hint=_HINT) from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise FateInputError(f"python={str(python)!r} cannot make a tiny model: {said}", hint=_HINT)
    return dict(json.loads(answer.read_text()))


_HINT = (
    "name the Python of an environment with torch and transformers, such as FATE-LLM's: fate-local install --with llm"
)
