"""The card of a model: what it is, what it was made of, how good it is, and what cannot be said of it here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "CardAdapter",
    "CardApproval",
    "CardConversion",
    "CardEvaluation",
    "CardModel",
    "CardOverlap",
    "CardParty",
    "CardRun",
    "CardTable",
    "CardTask",
    "CardTraining",
    "ModelCard",
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class CardModel(_Part):
    """Which model, and which file holds it.

    :param role: role of the party whose part it is.
    :param party_id: that party.
    :param package_sha256: checksum of the package.
    :param content_sha256: digest of what was trained, whatever it is called.
    :param size: bytes of the package.
    :param left_out: files that FATE stores with the model and the package does not hold, with the reason.
    """

    model_id: str
    model_version: str
    job_id: str
    role: str
    party_id: str
    package_sha256: str
    content_sha256: str
    size: int
    left_out: dict[str, str] = Field(default_factory=dict)


class CardParty(_Part):
    """A party of the job.

    :param own: whether the card was written at its site.
    :param tables: names of the tables that it reads, as far as the job's description says.
    """

    role: str
    party_id: str
    own: bool
    tables: tuple[str, ...] = ()


class CardTable(_Part):
    """A table that this party has read.

    :param table: ``namespace.name``.
    :param task: the reader.
    :param rows: how many it has now; ``None``: it is not there any more.
    :param columns: of its features, in order.
    :param types: their types, in the same order.
    :param label: name of the label, if this party has one.
    :param match_id: name of the id that parties match.
    :param fingerprint: digest of the CSV that was uploaded; ``None`` where another client has uploaded, or the upload's
        job was cleaned.
    :param upload_job: the job that has made the table which is there now.
    :param replaced_since: whether that job began after the training: then rows and columns are not those of the
        training. ``None``: not known.
    """

    table: str
    task: str
    rows: int | None
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    label: str | None = None
    match_id: str | None = None
    fingerprint: str | None = None
    upload_job: str | None = None
    replaced_since: bool | None = None


class CardTask(_Part):
    """A task of the job, as this party has run it.

    :param provider: the code that ran it, with its version.
    :param trained: whether a part of the model is of this task.
    :param parameters: those that were given; FATE's defaults are not among them.
    """

    task: str
    component: str
    provider: str | None
    stage: str | None
    trained: bool
    parameters: dict[str, Any]


class CardTraining(_Part):
    """The job.

    :param fate_version: of FATE-Flow when the card was written.
    :param schema_version: of the job's description.
    :param initiator: the party that has started it.
    """

    started: datetime | None
    ended: datetime | None
    initiator: str | None
    fate_version: str | None
    schema_version: str | None


class CardOverlap(_Part):
    """What the parties have in common.

    :param rows: rows of the own table that all parties have.
    :param own_rows: rows of the own table.
    """

    task: str
    rows: int
    own_rows: int | None

    @property
    def share(self) -> float | None:
        """Part of the own rows."""
        return self.rows / self.own_rows if self.own_rows else None


class CardRun(_Part):
    """The run of Airflow that has written the card.

    :param trained_by: the task of the same run that has trained the model; ``None`` where it was another run.
    """

    dag_id: str
    run_id: str
    task_id: str
    written: datetime
    trained_by: str | None = None


class CardApproval(_Part):
    """Who has approved the model.

    :param note: what was remarked, in free words.
    """

    by: str
    at: datetime | None = None
    note: str | None = None


class CardConversion(_Part):
    """The model as ONNX.

    :param sha256: checksum of the file.
    :param packages: checksums of the packages it was made of, by party.
    :param inputs: columns that it takes, in order.
    :param width: numbers of its score.
    :param rows: so many rows were scored by it and by FATE; ``None``: it was not compared.
    :param largest_difference: between the two, of any row; of scores beyond 1 a share of the score.
    :param tolerance: the difference from which it would have been refused.
    """

    sha256: str
    packages: dict[str, str]
    inputs: tuple[str, ...]
    width: int
    rows: int | None = None
    largest_difference: float | None = None
    tolerance: float | None = None


class CardEvaluation(_Part):
    """What a language model was asked, and how good its answers were.

    :param texts: where the held-out rows are.
    :param texts_sha256: checksum of that file.
    :param rows: so many were judged.
    :param answered: for so many an answer was generated, and compared.
    :param metrics: what was measured; names that end in ``_base`` are the base model's, without the adapter.
    """

    texts: str
    texts_sha256: str
    rows: int
    answered: int
    metrics: dict[str, float]


class CardAdapter(_Part):
    """The model as an adapter of a language model.

    :param sha256: checksum of its weights.
    :param kind: PEFT's name of its kind: ``LORA``.
    :param parameters: how many numbers it has.
    :param targets: modules of the base model that it changes.
    :param base_model: name under which others find the base model.
    :param base_revision: its revision there.
    :param base_architecture: its kind, ``gpt2``; ``None``, as the next two: it was not at hand.
    :param base_sha256: digest of its weights.
    :param tokenizer_sha256: digest of what decides which numbers a text becomes.
    :param prompt: what is around a prompt, as in the training; ``None``: not known.
    :param evaluation: how good its answers are; ``None``: nobody has looked.
    """

    sha256: str
    kind: str
    parameters: int
    targets: tuple[str, ...] = ()
    base_model: str
    base_revision: str | None = None
    base_architecture: str | None = None
    base_sha256: str | None = None
    tokenizer_sha256: str | None = None
    prompt: str | None = None
    evaluation: CardEvaluation | None = None


class ModelCard(_Part):
    """A model card, as ``card.json`` holds it.

    :param metrics: what the job has measured at this party, one number each.
    :param not_seen: what this party does not see, in sentences.
    """

    format: Literal["airflow-provider-fate/model-card"] = "airflow-provider-fate/model-card"
    format_version: Literal[1] = 1
    model: CardModel
    parties: tuple[CardParty, ...]
    tables: tuple[CardTable, ...]
    tasks: tuple[CardTask, ...]
    metrics: dict[str, float | int | str | bool]
    overlap: CardOverlap | None = None
    training: CardTraining
    airflow: CardRun | None = None
    approval: CardApproval | None = None
    conversion: CardConversion | None = None
    adapter: CardAdapter | None = None
    not_seen: tuple[str, ...]

    def approved(self, approval: CardApproval) -> ModelCard:
        """The same card with who has approved."""
        return self.model_copy(update={"approval": approval})

    def converted(self, conversion: CardConversion) -> ModelCard:
        """The same card with what was made of the model."""
        return self.model_copy(update={"conversion": conversion})

    def adapted(self, adapter: CardAdapter) -> ModelCard:
        """The same card with the adapter that the model is."""
        return self.model_copy(update={"adapter": adapter})

    def evaluated(self, evaluation: CardEvaluation) -> ModelCard:
        """The same card with how good the adapter's answers are, which count as metrics of the model.

        :raises ValueError: it is no card of an adapter.
        """
        if self.adapter is None:
            msg = "it is no card of an adapter"
            raise ValueError(msg)
        adapter = self.adapter.model_copy(update={"evaluation": evaluation})
        return self.model_copy(update={"adapter": adapter, "metrics": {**self.metrics, **evaluation.metrics}})

    def to_json(self) -> str:
        """As it stands in ``card.json``."""
        return self.model_dump_json(indent=1) + "\n"
