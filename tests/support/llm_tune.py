"""Tunes a LoRA with peft and nothing of this project: python llm_tune.py BASE ROWS.jsonl TARGET STEPS.

It stands in for FATE-LLM where a test is about what comes after: rows laid out as FATE-LLM's PromptDataset has them,
and written as its trainer writes them. Prints the loss before and after.
"""

import json
import os
import random
import sys

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

base, texts, target, steps = sys.argv[1:5]
torch.manual_seed(3)
torch.set_num_threads(2)
dice = random.Random(3)
tokenizer = AutoTokenizer.from_pretrained(base)
rows = []
with open(texts) as file:
    for line in file:
        row = json.loads(line)
        question = [*tokenizer(row["content"])["input_ids"], tokenizer.bos_token_id]
        rows.append((question, [*tokenizer(row["summary"])["input_ids"], tokenizer.eos_token_id]))
model = get_peft_model(
    AutoModelForCausalLM.from_pretrained(base),
    LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, lora_dropout=0.0, fan_in_fan_out=True,
               target_modules=["c_attn", "c_proj", "c_fc"]),
)  # fmt: skip
optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-2)
losses = []
model.train()
for _ in range(int(steps)):
    batch = dice.sample(rows, 16)
    width = max(len(question) + len(answer) for question, answer in batch)
    ids = torch.full((16, width), tokenizer.pad_token_id)
    labels = torch.full((16, width), -100)
    mask = torch.zeros((16, width), dtype=torch.long)
    for number, (question, answer) in enumerate(batch):
        whole = torch.tensor(question + answer)
        ids[number, : len(whole)], mask[number, : len(whole)] = whole, 1
        labels[number, len(question) : len(whole)] = whole[len(question) :]
    loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
model.eval().save_pretrained(target)
print(json.dumps({"before": losses[0], "after": losses[-1]}))
