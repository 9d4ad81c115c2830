"""The card of an adapter as a ``README.md``: facts for hubs and tools at its head, the card for people below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from airflow_provider_fate.models.card_text import card_markdown

if TYPE_CHECKING:
    from airflow_provider_fate.models.card import CardAdapter, ModelCard

__all__ = ["adapter_readme"]

_USE = """\
```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained({base})
model = PeftModel.from_pretrained(base, "path/of/this/folder")
```"""


def adapter_readme(card: ModelCard) -> str:
    """Write it.

    :param card: of an adapter.
    """
    adapter = card.adapter
    assert adapter is not None
    head = yaml.safe_dump(_facts(adapter), sort_keys=False, allow_unicode=True)
    base = repr(adapter.base_model) + (f", revision={adapter.base_revision!r}" if adapter.base_revision else "")
    blocks = [card_markdown(card).rstrip(), "## Use", _USE.format(base=base)]
    if adapter.prompt is not None:
        blocks.append(
            "Prompts were laid out as `fate_prompt.json` says: the template, then the tokenizer's token for the "
            "beginning where it has one, then the answer."
        )
    return f"---\n{head}---\n\n" + "\n\n".join(blocks) + "\n"


def _facts(adapter: CardAdapter) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "base_model": adapter.base_model,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["federated-learning", "fate", adapter.kind.lower()],
    }
    if (found := adapter.evaluation) is not None:
        results = [{"type": name, "value": value} for name, value in found.metrics.items()]
        facts["model-index"] = [
            {
                "name": "adapter",
                "results": [
                    {
                        "task": {"type": "text-generation"},
                        "dataset": {"name": "held-out rows", "type": "private"},
                        "metrics": results,
                    }
                ],
            }
        ]
    return facts
