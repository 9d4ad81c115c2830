"""Looks at adapters with peft and nothing of this project: python llm_look.py REQUEST.json ANSWER.json.

Runs in FATE-LLM's environment. The request has ``base``, ``adapters`` (folders by name) and ``texts``: a file of JSON
lines with ``content`` and ``summary``. The answer has, for the base model and each adapter, ``loss`` (nats per token of
the answers), ``right`` (share of answers that are written out word for word), and ``first`` (the first answer); and
under ``apart`` the largest difference of logits between each two of them.
"""

import itertools
import json
import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

request = json.loads(Path(sys.argv[1]).read_text())
rows = [json.loads(line) for line in Path(request["texts"]).read_text().splitlines()]
tokenizer = AutoTokenizer.from_pretrained(request["base"])
begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id


def load(adapter: str | None):
    model = AutoModelForCausalLM.from_pretrained(request["base"])
    return (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()


@torch.no_grad()
def look(model) -> dict:
    """As FATE-LLM builds its rows: the question, the token for a beginning, the answer, the token for an end."""
    losses, logits, right, answers = [], [], 0, []
    for row in rows:
        question = [*tokenizer(row["content"])["input_ids"], begin]
        answer = [*tokenizer(row["summary"])["input_ids"], end]
        ids = torch.tensor([question + answer])
        labels = torch.tensor([[-100] * len(question) + answer])
        told = model(input_ids=ids, labels=labels)
        losses.append(told.loss.item() * len(answer))
        logits.append(told.logits[0])
        written = list(question)
        while len(written) < len(question) + len(answer) and (len(written) == len(question) or written[-1] != end):
            written.append(int(model(input_ids=torch.tensor([written])).logits[0, -1].argmax()))
        right += written[len(question) :] == answer
        answers.append(tokenizer.decode(written[len(question) :], skip_special_tokens=True))
    tokens = sum(len(tokenizer(row["summary"])["input_ids"]) + 1 for row in rows)
    return {
        "loss": sum(losses) / tokens, "right": right / len(rows), "first": answers[0], "logits": torch.cat(logits),
    }  # fmt: skip


torch.set_num_threads(1)
seen = {name: look(load(folder)) for name, folder in {"base": None, **request["adapters"]}.items()}
logits = {name: one.pop("logits") for name, one in seen.items()}
apart = {f"{a} {b}": (logits[a] - logits[b]).abs().max().item() for a, b in itertools.combinations(logits, 2)}
Path(sys.argv[2]).write_text(json.dumps({**seen, "apart": apart}))
