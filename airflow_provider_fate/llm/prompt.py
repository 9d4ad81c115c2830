"""How a text became numbers in the training, which whoever asks the model has to do in the same way.

FATE-LLM's ``PromptDataset`` puts a prompt and its answer into one row: the prompt in its template, cut to a length,
then the tokenizer's token for the beginning if it has one, the answer, and the token for the end. An adapter that was
trained so and is asked without that token in the middle answers like one that has learnt little.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["PROMPT_FILE", "PromptLayout", "layout_of"]

PROMPT_FILE = "fate_prompt.json"
"""File of an adapter's folder that holds the layout."""


@dataclass(frozen=True)
class PromptLayout:
    """The layout of a row, with FATE-LLM's defaults.

    :param template: what is around a prompt; ``{prompt}`` stands for it.
    :param max_prompt_length: tokens after which a prompt is cut.
    :param max_length: tokens of a whole row, after which an answer is cut.
    """

    template: str = "{prompt}"
    max_prompt_length: int = 256
    max_length: int = 512

    def to_json(self) -> str:
        """As the adapter's folder holds it."""
        return json.dumps({"format": "fate-llm/prompt-dataset", **asdict(self)}, indent=1, ensure_ascii=False) + "\n"


def layout_of(dataset: Any) -> PromptLayout | None:
    """The layout that a job describes.

    :param dataset: ``dataset_conf`` of the runner.
    :returns: ``None`` where the rows are made in another way.
    """
    described = dataset if isinstance(dataset, Mapping) else {}
    if described.get("item_name") != "PromptDataset":
        return None
    known = described.get("kwargs")
    given = known if isinstance(known, Mapping) else {}
    default = PromptLayout()
    return PromptLayout(
        template=str(given.get("prompt_template") or default.template),
        max_prompt_length=_number(given.get("max_prompt_length"), default.max_prompt_length),
        max_length=_number(given.get("text_max_length"), default.max_length),
    )


def _number(given: Any, default: int) -> int:
    return given if type(given) is int and given > 0 else default
