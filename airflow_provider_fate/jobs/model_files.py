"""The files that a job with a language model reads at a party: the model, its tokenizer, the texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_fate.jobs.validation.job import mapping, read_parties

__all__ = ["LanguageTask", "language_tasks"]

_MODELS = ("pretrained_path", "pretrained_model_name_or_path", "model_name_or_path")
_TOKENIZERS = ("tokenizer_name_or_path", "tokenizer_path")


@dataclass(frozen=True)
class LanguageTask:
    """A task of FATE-LLM at one party.

    :param name: of the task.
    :param role: of the party.
    :param conf: what its runner is told there.
    """

    name: str
    role: str
    party_id: str
    conf: Mapping[str, Any]

    @property
    def models(self) -> list[str]:
        """Paths of models, on the machines of the party."""
        return list(dict.fromkeys(_values(self.conf, _MODELS)))

    @property
    def tokenizers(self) -> list[str]:
        """Paths of tokenizers."""
        return list(dict.fromkeys(_values(self.conf, _TOKENIZERS)))

    @property
    def texts(self) -> Mapping[str, Any] | None:
        """Arguments of the ``PromptDataset`` that reads the texts; ``None``: another reads them."""
        dataset = mapping(self.conf.get("dataset_conf"))
        return mapping(dataset.get("kwargs")) if dataset.get("item_name") == "PromptDataset" else None


def language_tasks(job: Mapping[str, Any]) -> Iterator[LanguageTask]:
    """The tasks of a job in which a model of a folder is loaded, for each party that they are told something.

    :param job: a checked DAG, ``{"dag": ...}``.
    """
    spec = mapping(job.get("dag"))
    for name, task in mapping(spec.get("tasks")).items():
        for party in read_parties(mapping(task).get("parties") or spec.get("parties")):
            told = dict(mapping(mapping(task).get("parameters")))
            for group in mapping(spec.get("party_tasks")).values():
                if party in read_parties(mapping(group).get("parties")):
                    own = mapping(mapping(mapping(group).get("tasks")).get(name))
                    # As FATE-Flow does: a runner_conf of a party takes the place of the one for all, whole.
                    told.update(mapping(own.get("parameters")))
            found = LanguageTask(str(name), *party, mapping(told.get("runner_conf")))
            if found.models or found.tokenizers:
                yield found


def _values(conf: Any, names: tuple[str, ...]) -> Iterator[str]:
    if isinstance(conf, Mapping):
        for key, value in conf.items():
            if key in names and isinstance(value, str):
                yield value
            else:
                yield from _values(value, names)
    elif isinstance(conf, list):
        for value in conf:
            yield from _values(value, names)
