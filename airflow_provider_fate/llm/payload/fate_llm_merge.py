"""Builds an adapter into its base model: python fate_llm_merge.py REQUEST.json ANSWER.json.

The request names ``base``, ``adapter``, ``target`` (an empty folder), ``dtype`` and ``threads``. What is written is
loaded again, and compared with the two apart.
"""

from __future__ import annotations

from typing import Any

import torch
from fate_llm_common import Refused, load_base, load_tokenizer, run, with_adapters

_TEXT = "The quick brown fox 0123456789"


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Merge, write, load again, compare."""
    tokenizer = load_tokenizer(request["base"])
    ids = torch.tensor([list(tokenizer(_TEXT)["input_ids"])])

    def logits(model: Any) -> Any:
        with torch.inference_mode():
            return model(input_ids=ids).logits.float()

    print("loading the base model", flush=True)
    base = load_base(request["base"], request["dtype"])
    alone = logits(base)
    model = with_adapters(base, {"merged": request["adapter"]})
    apart = logits(model)
    if not hasattr(model, "merge_and_unload") or model.active_peft_config.is_prompt_learning:
        raise Refused("An adapter of this kind cannot be built into the base model: it is no change of its weights.")
    print("merging", flush=True)
    merged = model.merge_and_unload()
    merged.save_pretrained(request["target"], safe_serialization=True)
    tokenizer.save_pretrained(request["target"])
    print("comparing what was written", flush=True)
    again = logits(load_base(request["target"], request["dtype"]))
    return {
        "moved": (apart - alone).abs().max().item(),
        "largest_difference": (again - apart).abs().max().item(),
        "parameters": sum(one.numel() for one in merged.parameters()),
        "dtype": str(merged.dtype).rpartition(".")[2],
    }


if __name__ == "__main__":
    run(main)
