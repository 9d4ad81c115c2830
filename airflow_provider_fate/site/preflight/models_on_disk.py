"""Whether the models, tokenizers and texts of a job with a language model are there, as far as this worker can see.

FATE-Flow tells nothing of its disk, so these files are looked for on the worker: where both share a volume, or are one
machine, that says all. What the worker does not see is no fault.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.jobs.model_files import LanguageTask, language_tasks
from airflow_provider_fate.llm.folder import ModelFolder, TokenizerFolder
from airflow_provider_fate.site.preflight.check import PreflightCheck, failed, passed, unknown, warned

if TYPE_CHECKING:
    from airflow_provider_fate.hooks.site import FateSite

__all__ = ["language_files", "own_language_tasks", "texts_on_disk"]

_TEXT_LENGTH, _PROMPT, _ANSWER = 512, "content", "summary"
"""What FATE-LLM's PromptDataset takes where it is told nothing else."""
_LONGEST = 16 * 1024 * 1024


def own_language_tasks(job: Mapping[str, Any], parties: Container[str]) -> list[LanguageTask]:
    """The tasks that read such files at parties of this site.

    :param parties: ids of the parties whose machines these are.
    """
    return [task for task in language_tasks(job) if task.party_id in parties and task.role != "arbiter"]


def language_files(site: FateSite, task: LanguageTask) -> Iterator[PreflightCheck]:
    """Look at the models and tokenizers of a task."""
    for model in task.models:
        name = f"model {model}"
        if not (place := Path(model)).is_dir():
            yield _unseen(site, name, model)
            continue
        seen = ModelFolder.at(place)
        if wrong := list(seen.problems()):
            yield failed(name, "; ".join(wrong), "Copy the whole folder that save_pretrained has written.")
        elif short := _too_short(seen, task):
            yield failed(name, short, "Set a smaller max_length: that of the job, and of the texts.")
        else:
            yield passed(name, f"{seen.kind}, {seen.vocabulary or '?'} tokens, rows of up to {seen.positions or '?'}")
    for tokenizer in task.tokenizers:
        name = f"tokenizer {tokenizer}"
        if not (place := Path(tokenizer)).is_dir():
            yield _unseen(site, name, tokenizer)
        elif wrong := list(TokenizerFolder(place).problems()):
            yield failed(name, "; ".join(wrong), "Copy the files that AutoTokenizer.save_pretrained writes there.")
        else:
            yield _fitting(name, TokenizerFolder(place), task)


def texts_on_disk(site: FateSite, name: str, path: str, task: LanguageTask | None) -> PreflightCheck:
    """Look at the file that a bound name leads to.

    :param name: of the check.
    :param path: as FATE-Flow has it, ``file:///data/train.jsonl``.
    :param task: the task that reads it; ``None``: none of FATE-LLM.
    """
    place = Path(path.removeprefix("file://"))
    if not place.exists():
        return _unseen(site, name, str(place))
    texts = task.texts if task is not None else None
    if texts is None or "jsonl" not in str(texts.get("file_type") or "jsonl"):
        return passed(name, f"bound to {place}, which this worker sees, too")
    if not place.is_file():
        advice = "Bind the file with the rows (FateTextOperator makes and binds one)."
        return failed(name, f"bound to {place}, which is no file, and JSON Lines are read from one", advice)
    columns = (str(texts.get("prompt_column") or _PROMPT), str(texts.get("response_column") or _ANSWER))
    try:
        with place.open("rb") as file:
            first = json.loads(file.readline(_LONGEST))
    except (OSError, ValueError):
        first = None
    if not isinstance(first, dict) or any(column not in first for column in columns):
        found = f"the first line of {place} is no JSON object with {' and '.join(columns)}"
        return failed(name, found, "FateTextOperator writes such files; or name the columns in the job.")
    return passed(name, f"bound to {place}, {place.stat().st_size:,} bytes of texts")


def _unseen(site: FateSite, name: str, path: str) -> PreflightCheck:
    if not path.startswith("/"):
        advice = "Copy it to every machine that runs tasks of the site, and give the absolute path."
        return warned(name, "it is no absolute path: FATE-LLM would ask a model hub for it", advice)
    found = f"this worker does not see {path}; the site's machines may"
    if _is_here(site.host):
        advice = "The connection leads to this machine: correct the path, unless FATE runs in a container here."
        return warned(name, found, advice)
    return unknown(name, found, f"Look on every machine that runs tasks of the site: ls {path}")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _too_short(model: ModelFolder, task: LanguageTask) -> str | None:
    if model.positions is None or task.texts is None:
        return None
    length = task.texts.get("text_max_length") or _TEXT_LENGTH
    # Between prompt and answer FATE-LLM puts a token that it does not count.
    if type(length) is int and length + 1 > model.positions:
        return f"it takes rows of {model.positions:,} tokens, and a row of the job has up to {length + 1:,}"
    return None


def _fitting(name: str, tokenizer: TokenizerFolder, task: LanguageTask) -> PreflightCheck:
    size = tokenizer.size()
    models = [ModelFolder.at(Path(path)) for path in task.models if Path(path).is_dir()]
    for model in models:
        if size is not None and model.vocabulary is not None and size > model.vocabulary:
            return failed(
                name,
                f"it has {size:,} tokens, and the model {model.path} knows {model.vocabulary:,}",
                "Take the model's own tokenizer; a longer one needs a model whose embeddings were resized.",
            )
    return passed(name, f"{f'{size:,}' if size else 'an unknown number of'} tokens")
