"""Judges a language model on held-out rows: python fate_llm_evaluate.py REQUEST.json ANSWER.json.

The request names ``base``, ``adapter`` (or null), ``texts`` (JSONL with content and summary), ``layout`` (or null),
``rows``, ``answers``, ``batch``, ``new_tokens``, ``threads`` and ``samples``, a file that gets the answers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Optional

import torch
from fate_llm_common import (
    Layout,
    Refused,
    context_length,
    load_base,
    load_tokenizer,
    padding_of,
    run,
    using,
    virtual_tokens,
    with_adapters,
)
from rouge_score.rouge_scorer import RougeScorer

ADAPTER = "judged"
#: Words, and each sign of scripts that write none apart: Chinese, Japanese, Korean.
_PIECES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+")
ROUGE = {"rouge1": "rouge_1", "rouge2": "rouge_2", "rougeL": "rouge_l"}


class Pieces:
    """What ROUGE compares; the library's own takes Latin letters only, and calls two Chinese texts equal to nothing."""

    def tokenize(self, text: str) -> list[str]:
        """Words and signs, in small letters."""
        return _PIECES.findall(text.lower())


def read_rows(place: str, limit: int) -> list[dict[str, str]]:
    """The rows of a file."""
    rows = []
    with open(place, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                raise Refused(f"texts: line {number} is no JSON.") from None
            if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("content", "summary")):
                raise Refused(f"texts: line {number} has no text under content and summary.")
            if not row["summary"].strip():
                raise Refused(f"texts: the summary of line {number} is empty: nothing can be compared with it.")
            rows.append({"content": row["content"], "summary": row["summary"]})
            if len(rows) == limit:
                break
    if not rows:
        raise Refused("texts: there are no rows in it.")
    return rows


def losses(
    model: Any, rows: list[tuple[list[int], list[int]]], batch: int, padding: int
) -> Iterator[tuple[float, int]]:
    """Negative log-likelihood of the answers and how many tokens they have, batch by batch."""
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        width = max(len(prompt) + len(answer) for prompt, answer in part)
        ids = torch.full((len(part), width), padding)
        mask = torch.zeros_like(ids)
        wanted = torch.full_like(ids, -100)
        for line, (prompt, answer) in enumerate(part):
            whole = torch.tensor([*prompt, *answer])
            ids[line, : len(whole)] = whole
            mask[line, : len(whole)] = 1
            wanted[line, len(prompt) : len(whole)] = whole[len(prompt) :]
        logits = model(input_ids=ids, attention_mask=mask).logits
        logits = logits[:, logits.shape[1] - width :]  # without virtual tokens
        ahead, told = wanted[:, 1:], logits[:, :-1]
        chosen = ahead != -100
        loss = torch.nn.functional.cross_entropy(told[chosen].float(), ahead[chosen], reduction="sum")
        yield loss.item(), int(chosen.sum())


def perplexity(model: Any, rows: list[tuple[list[int], list[int]]], batch: int, padding: int) -> float:
    """Of the answers, token by token."""
    total, tokens = 0.0, 0
    for loss, count in losses(model, rows, batch, padding):
        total, tokens = total + loss, tokens + count
    return math.exp(min(total / tokens, 700.0)) if tokens else math.nan


def answers(model: Any, tokenizer: Any, prompts: list[list[int]], batch: int, new_tokens: int) -> list[str]:
    """What it answers: at each step the token that is most likely."""
    padding, found = padding_of(tokenizer), []
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        width = max(map(len, part))
        ids = torch.tensor([[padding] * (width - len(one)) + one for one in part])
        mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in part])
        made = model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=new_tokens, do_sample=False, num_beams=1,
            pad_token_id=padding, eos_token_id=tokenizer.eos_token_id,
        )  # fmt: skip
        found += [tokenizer.decode(one[width:], skip_special_tokens=True) for one in made]
        print(f"answered {len(found)} of {len(prompts)} rows", flush=True)
    return found


def compared(given: list[str], wanted: list[str]) -> dict[str, float]:
    """Shares from 0 to 1."""
    scorer = RougeScorer(list(ROUGE), tokenizer=Pieces())
    scores = [scorer.score(target, text) for text, target in zip(given, wanted)]  # noqa: B905 - Python 3.9
    equal = sum(" ".join(text.split()) == " ".join(target.split()) for text, target in zip(given, wanted))  # noqa: B905
    means = {ours: sum(one[theirs].fmeasure for one in scores) / len(scores) for theirs, ours in ROUGE.items()}
    return {"exact_match": equal / len(given), **means}


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the base model, and the base model with its adapter."""
    rows = read_rows(request["texts"], request["rows"])
    tokenizer = load_tokenizer(request["base"])
    if tokenizer.eos_token_id is None:
        raise Refused("The tokenizer has no token for the end of a text.")
    print(f"loading {request['base']}", flush=True)
    model = load_base(request["base"], request["dtype"])
    adapter: Optional[str] = ADAPTER if request["adapter"] else None  # noqa: UP045 - Python 3.9
    if adapter:
        model = with_adapters(model, {adapter: request["adapter"]})
    layout = Layout(request["layout"])
    room = context_length(model, virtual_tokens(model, adapter))
    layout.max_length = min(layout.max_length, room - 1)  # a row may have one token more
    layout.max_prompt_length = min(layout.max_prompt_length, layout.max_length - 2)
    prompts = [layout.prompt(tokenizer, row["content"]) for row in rows]
    laid = [(p, layout.answer(tokenizer, row["summary"], p)) for p, row in zip(prompts, rows)]  # noqa: B905
    batch, padding = request["batch"], padding_of(tokenizer)
    new_tokens = min(request["new_tokens"], room - max(map(len, prompts)))
    asked = rows[: request["answers"]] if new_tokens > 0 else []
    metrics: dict[str, float] = {}
    said: dict[str, list[str]] = {}
    for suffix, name in [("", adapter), ("_base", None)] if adapter else [("", None)]:
        print("judging the base model" if name is None else "judging the adapter", flush=True)
        with torch.inference_mode(), using(model, name):
            metrics["perplexity" + suffix] = perplexity(model, laid, batch, padding)
            if asked:
                said[suffix] = answers(model, tokenizer, prompts[: len(asked)], batch, new_tokens)
                found = compared(said[suffix], [row["summary"] for row in asked])
                metrics.update({key + suffix: value for key, value in found.items()})
    if adapter:
        metrics["perplexity_ratio"] = metrics["perplexity"] / metrics["perplexity_base"]
    with open(request["samples"], "w", encoding="utf-8") as file:
        for number, row in enumerate(asked):
            told = {f"answer{suffix}": texts[number] for suffix, texts in said.items()}
            file.write(json.dumps({**row, **told}, ensure_ascii=False) + "\n")
    return {
        "metrics": metrics,
        "rows": len(rows),
        "answered": len(asked),
        "tokens": sum(len(answer) for _, answer in laid),
        "new_tokens": new_tokens,
    }


if __name__ == "__main__":
    run(main)
