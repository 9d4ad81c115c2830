"""What evaluation, merge and chat server have in common: models from folders, and prompts as in the training.

Must run on Python >= 3.9, in an environment with torch, transformers and peft. Nothing is fetched from a hub, no pickle
is loaded, and no code of a model runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
os.environ.update(TOKENIZERS_PARALLELISM="false")

import torch
import transformers

transformers.logging.set_verbosity_error()
LAYOUT_FILE = "fate_prompt.json"


class Refused(Exception):
    """What was asked for cannot be done; its text is for people."""


def end_with_parent() -> None:
    """End when who started this ends, whatever ends it: its end of the pipe closes then."""

    def watch() -> None:
        while os.read(0, 4096):  # not by sys.stdin, whose lock Python wants when it ends
            pass
        os._exit(70)

    threading.Thread(target=watch, daemon=True).start()


def load_tokenizer(folder: str) -> Any:
    """The tokenizer of a base model."""
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise Refused(f"The tokenizer in {folder} cannot be loaded: {_first_line(error)}") from None
    # Otherwise the space before a full stop gets lost, and an answer is not what the training has taught word for word.
    tokenizer.clean_up_tokenization_spaces = False
    return tokenizer


def load_base(folder: str, dtype: str = "auto") -> Any:
    """A base model, ready to be asked."""
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, torch_dtype=dtype, trust_remote_code=False, local_files_only=True, use_safetensors=True
        )
    except Exception as error:
        raise Refused(f"The base model in {folder} cannot be loaded: {_first_line(error)}") from None
    return model.eval()


def with_adapters(model: Any, folders: Mapping[str, str]) -> Any:
    """The base model with adapters, by names of ours."""
    import peft

    wrapped = None
    for name, folder in folders.items():
        try:
            if wrapped is None:
                wrapped = peft.PeftModel.from_pretrained(model, folder, adapter_name=name, is_trainable=False)
            else:
                wrapped.load_adapter(folder, adapter_name=name, is_trainable=False)
        except Exception as error:
            raise Refused(f"The adapter in {folder} does not load on the base model: {_first_line(error)}") from None
    return model if wrapped is None else wrapped.eval()


@contextlib.contextmanager
def using(model: Any, adapter: Optional[str]) -> Iterator[None]:  # noqa: UP045 - Python 3.9
    """Within it the model answers with an adapter, or without any."""
    if adapter is not None:
        model.set_adapter(adapter)
        yield
    elif hasattr(model, "disable_adapter"):
        with model.disable_adapter():
            yield
    else:
        yield


def context_length(model: Any, virtual: int = 0) -> int:
    """Tokens that fit into the model; ``virtual`` of them are an adapter's."""
    config = model.config if not hasattr(model, "get_base_model") else model.get_base_model().config
    known = getattr(config, "max_position_embeddings", None) or getattr(config, "seq_length", None)
    return (known if isinstance(known, int) and known > 0 else 1 << 30) - virtual


def virtual_tokens(model: Any, adapter: Optional[str]) -> int:  # noqa: UP045
    """Tokens that an adapter puts before each text: those of prefix and prompt tuning."""
    configs = getattr(model, "peft_config", {}) if adapter is not None else {}
    return int(getattr(configs.get(adapter), "num_virtual_tokens", None) or 0)


class Layout:
    """How FATE-LLM's PromptDataset lays a row out: template and prompt, the token for the beginning, answer, end."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.template = str(given.get("template") or "{prompt}")
        self.max_prompt_length = int(given.get("max_prompt_length") or 256)
        self.max_length = int(given.get("max_length") or 512)

    @classmethod
    def beside(cls, folder: str) -> Optional[Layout]:  # noqa: UP045
        """That of an adapter; ``None``: it does not say."""
        place = Path(folder) / LAYOUT_FILE
        return cls(json.loads(place.read_text(encoding="utf-8"))) if place.is_file() else None

    def prompt(self, tokenizer: Any, text: str) -> list[int]:
        """A prompt, up to where the answer begins."""
        ids = _without_end(tokenizer, self.template.format_map({"prompt": text}))[: self.max_prompt_length]
        return ids if tokenizer.bos_token_id is None else [*ids, tokenizer.bos_token_id]

    def answer(self, tokenizer: Any, text: str, prompt: list[int]) -> list[int]:
        """An answer with its end, cut to what is left of the row."""
        room = self.max_length - len(prompt) - (tokenizer.bos_token_id is None)
        return [*_without_end(tokenizer, text)[: max(0, room)], tokenizer.eos_token_id]


def _without_end(tokenizer: Any, text: str) -> list[int]:
    ids = list(tokenizer(text)["input_ids"])
    return ids[:-1] if ids and ids[-1] in tokenizer.all_special_ids else ids


def padding_of(tokenizer: Any) -> int:
    """The token that fills rows up; masked, so that any will do."""
    return next((one for one in (tokenizer.pad_token_id, tokenizer.eos_token_id) if one is not None), 0)


def run(main: Any) -> None:
    """``python script.py REQUEST.json ANSWER.json``: the answer, or what was refused and why."""
    end_with_parent()
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(int(request.get("threads") or 1))
    torch.manual_seed(0)
    try:
        answer = main(request)
    except Refused as error:
        answer = {"refused": str(error)}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"[:500]
