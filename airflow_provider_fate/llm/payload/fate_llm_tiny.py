"""Makes a tiny causal language model and its tokenizer: python fate_llm_tiny.py REQUEST.json ANSWER.json.

Runs in an environment with torch, transformers and tokenizers, such as FATE-LLM's. The request names ``folder``,
``family``, ``texts``, ``steps`` and ``seed``; the answer has ``parameters``, ``vocabulary`` and ``loss``. The same
request gives the same model: one thread, one seed.

Must run on Python >= 3.9.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 640
POSITIONS = 512
WIDTH, LAYERS, HEADS = 64, 3, 4
#: Rows of one step of the training, and tokens of the longest row.
BATCH, LENGTH = 16, 128
LEARNING_RATE = 1e-2

#: Special tokens of each family, by what they are; in the order of their ids.
SPECIAL: dict[str, dict[str, str]] = {
    "gpt2": {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
    "llama": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"},
    "qwen2": {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"},
    "opt": {"pad_token": "<pad>", "bos_token": "</s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "bloom": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"},
}
#: By which class the tokenizer is loaded: FATE-LLM looks at it. What is not named here has no class of its own.
TOKENIZER_CLASS = {
    "gpt2": "GPT2TokenizerFast",
    "llama": "LlamaTokenizerFast",
    "opt": "GPT2TokenizerFast",
    "bloom": "BloomTokenizerFast",
}


def make_tokenizer(family: str, texts: list[str]) -> Any:
    """A byte-level BPE tokenizer: every text can be written with it, those that were given in few tokens."""
    special = SPECIAL[family]
    tokenizer = Tokenizer(models.BPE(unk_token=special.get("unk_token")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(dict.fromkeys(special.values())),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def make_model(family: str, tokenizer: Any) -> Any:
    """An untrained model of the family, with as many rows of embeddings as the tokenizer has tokens."""
    ids = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    like_llama = {
        "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS, "max_position_embeddings": POSITIONS,
    }  # fmt: skip
    config: Any
    if family == "gpt2":
        config = transformers.GPT2Config(n_positions=POSITIONS, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, **ids)
    elif family == "llama":
        config = transformers.LlamaConfig(**like_llama, **ids)
    elif family == "qwen2":
        config = transformers.Qwen2Config(**like_llama, **ids)
    elif family == "opt":
        config = transformers.OPTConfig(
            hidden_size=WIDTH, word_embed_proj_dim=WIDTH, ffn_dim=2 * WIDTH, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, max_position_embeddings=POSITIONS, **ids,
        )  # fmt: skip
    else:
        config = transformers.BloomConfig(hidden_size=WIDTH, n_layer=LAYERS, n_head=HEADS, **ids)
    # A tokenizer that adds no token of its own in front has none for a model to begin with.
    return transformers.AutoModelForCausalLM.from_config(config)


def row_of(text: str | list[str], tokenizer: Any) -> list[int]:
    """A text, or a prompt and its answer as FATE-LLM lays them out, as tokens."""
    if isinstance(text, str):
        tokens = tokenizer(text)["input_ids"]
    else:
        prompt, answer = (tokenizer(part)["input_ids"] for part in text)
        between = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        tokens = [*prompt, *between, *answer]
    return [*tokens[: LENGTH - 1], tokenizer.eos_token_id]


def train(model: Any, rows: list[list[int]], steps: int, dice: random.Random) -> float:
    """Let it learn the rows, and give the mean loss of the last tenth of the steps."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    # High rates teach a model of this size in a hundred steps, if it gets used to them first.
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 20) * (1 - step / steps))
    model.train()
    losses = []
    for _ in range(steps):
        batch = [dice.choice(rows) for _ in range(BATCH)]
        longest = max(map(len, batch))
        ids, labels, mask = (
            torch.tensor([list(filled(row)) + [nothing] * (longest - len(row)) for row in batch])
            for filled, nothing in ((list, 0), (list, -100), (lambda row: [1] * len(row), 0))
        )
        loss = model(input_ids=ids, labels=labels, attention_mask=mask).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    last = losses[-max(1, steps // 10) :]
    return float(sum(last) / len(last))


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Make what was asked for."""
    torch.set_num_threads(1)
    torch.manual_seed(request["seed"])
    family, texts, folder = request["family"], request["texts"], Path(request["folder"])
    tokenizer = make_tokenizer(family, [part for text in texts for part in ([text] if isinstance(text, str) else text)])
    model = make_model(family, tokenizer)
    loss = None
    if request["steps"] and texts:
        rows = [row_of(text, tokenizer) for text in texts]
        loss = train(model, rows, request["steps"], random.Random(request["seed"]))  # noqa: S311
    model.eval()
    tokenizer.save_pretrained(folder)
    if family in TOKENIZER_CLASS:
        file = folder / "tokenizer_config.json"
        settings = json.loads(file.read_text())
        file.write_text(json.dumps({**settings, "tokenizer_class": TOKENIZER_CLASS[family]}, indent=2))
    model.save_pretrained(folder, safe_serialization=True)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "vocabulary": len(tokenizer),
        "loss": loss,
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
