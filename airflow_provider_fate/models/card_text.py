"""A model card as Markdown, for people: in a storage, in a registry, in the body of an approval."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import yaml

from airflow_provider_fate.models.markdown import plain as _text
from airflow_provider_fate.models.markdown import table as _table

if TYPE_CHECKING:
    from airflow_provider_fate.models.card import CardAdapter, CardConversion, CardTable, ModelCard

__all__ = ["card_markdown"]

_MANY = 60
"""Columns that are named; the JSON has all of them."""


def card_markdown(card: ModelCard) -> str:
    """Write the card. What comes from a partner or a job is escaped: it cannot become a link or a heading."""
    model = card.model
    blocks: list[str] = [
        f"# Model {_text(model.model_id)}, version {_text(model.model_version)}",
        f"The part of {_text(model.role)} {_text(model.party_id)}, trained by job {_text(model.job_id)}.",
        _headline(card),
        "## Parties",
        _table(
            ("party", "tables", ""),
            ((f"{p.role} {p.party_id}", ", ".join(p.tables), "this site" if p.own else "") for p in card.parties),
        ),
        "## Data of this site",
        *([block for table in card.tables for block in _data(table)] or ["This party reads no table."]),
    ]
    if (overlap := card.overlap) is not None:
        share = "" if overlap.share is None else f" ({overlap.share:.1%})"
        of = "" if overlap.own_rows is None else f" of {overlap.own_rows:,} rows"
        blocks += ["## Overlap", f"{overlap.rows:,}{of} of this site are known to all parties{share}."]
    blocks += ["## Metrics", _metrics(card), "## Components", *_components(card)]
    if card.conversion is not None:
        blocks += ["## As ONNX", *_conversion(card.conversion)]
    if card.adapter is not None:
        blocks += ["## As an adapter", *_adapter(card.adapter)]
    blocks += ["## Provenance", _provenance(card), "## What is not seen here", _list(card.not_seen)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _headline(card: ModelCard) -> str:
    if card.approval is None:
        return ""
    at = "" if card.approval.at is None else f" at {card.approval.at:%Y-%m-%d %H:%M} UTC"
    note = f": {_text(card.approval.note)}" if card.approval.note else "."
    return f"Approved by {_text(card.approval.by)}{at}{note}"


def _data(table: CardTable) -> Iterable[str]:
    rows = "not there any more" if table.rows is None else f"{table.rows:,} rows"
    facts = [rows]
    if table.label:
        facts.append(f"label {_text(table.label)}")
    if table.match_id:
        facts.append(f"matched by {_text(table.match_id)}")
    facts.append(f"fingerprint {_code(table.fingerprint)}" if table.fingerprint else "no fingerprint")
    yield f"**{_text(table.table)}** ({_text(table.task)}): {', '.join(facts)}."
    if table.replaced_since:
        yield "The table has been replaced since the training: this is what is there now."
    if table.columns:
        shown = [
            f"{_text(name)} ({_text(kind)})"
            for name, kind in zip(table.columns[:_MANY], table.types[:_MANY], strict=True)
        ]
        more = f" and {len(table.columns) - _MANY} more" if len(table.columns) > _MANY else ""
        yield f"{len(table.columns)} columns, in this order: {', '.join(shown)}{more}."


def _metrics(card: ModelCard) -> str:
    if not card.metrics:
        return "This site has no metrics of the job."
    rows = ((name, f"{value:.6g}" if isinstance(value, float) else str(value)) for name, value in card.metrics.items())
    return _table(("metric", "value"), rows)


def _components(card: ModelCard) -> Iterable[str]:
    yield _table(
        ("task", "component", "provider", "stage", "model"),
        ((t.task, t.component, t.provider or "", t.stage or "", "yes" if t.trained else "") for t in card.tasks),
    )
    for task in card.tasks:
        if task.parameters:
            text = yaml.safe_dump(task.parameters, sort_keys=True, allow_unicode=True).rstrip()
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
            yield f"Parameters of {_text(task.task)}:"
            yield f"{fence}yaml\n{text}\n{fence}"


def _conversion(made: CardConversion) -> Iterable[str]:
    yield f"sha256 {_code(made.sha256)}."
    yield f"{len(made.inputs)} raw columns go in, in this order: {_text(', '.join(made.inputs[:_MANY]))}."
    if made.rows is None or made.largest_difference is None:
        yield "**It was not compared with FATE's own scores.**"
    else:
        yield (
            f"On {made.rows:,} rows its scores and FATE's differ by at most {made.largest_difference:.2g} "
            f"(allowed: {made.tolerance:.2g})."
        )
    if len(made.packages) > 1:
        yield "Put together of the parts of several parties, each of which has signed off its package:"
        yield _table(("party", "package, sha256"), made.packages.items())


def _adapter(made: CardAdapter) -> Iterable[str]:
    revision = f", revision {_text(made.base_revision)}" if made.base_revision else ""
    kind = f" ({_text(made.base_architecture)})" if made.base_architecture else ""
    yield f"{_text(made.kind)} of {made.parameters:,} parameters for {_text(made.base_model)}{revision}{kind}."
    rows = [
        ("adapter, sha256", made.sha256),
        ("changes", ", ".join(made.targets)),
        ("weights of the base model, sha256", made.base_sha256 or "not looked at"),
        ("tokenizer, sha256", made.tokenizer_sha256 or "not looked at"),
        ("prompt", made.prompt or ""),
    ]
    yield _table(("", ""), [row for row in rows if row[1]])
    if (found := made.evaluation) is None:
        yield "**Nobody has looked at its answers.**"
        return
    yield (
        f"On {found.rows:,} held-out rows of {_text(found.texts)} ({_code(found.texts_sha256)}), of which "
        f"{found.answered:,} were answered:"
    )
    names = [name for name in found.metrics if not name.endswith("_base")]
    yield _table(
        ("metric", "with the adapter", "base model"),
        ((name, *(_number(found.metrics.get(key)) for key in (name, f"{name}_base"))) for name in names),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _provenance(card: ModelCard) -> str:
    training, model = card.training, card.model
    rows = [
        ("job", model.job_id),
        ("started by", f"party {training.initiator}" if training.initiator else ""),
        ("began", f"{training.started:%Y-%m-%d %H:%M:%S} UTC" if training.started else ""),
        ("ended", f"{training.ended:%Y-%m-%d %H:%M:%S} UTC" if training.ended else ""),
        ("FATE-Flow", training.fate_version or ""),
        ("description of the job", training.schema_version or ""),
        ("package", f"{model.size:,} bytes, sha256 {model.package_sha256}"),
        ("content", f"sha256 {model.content_sha256}"),
    ]
    if (run := card.airflow) is not None:
        rows.append(("Airflow", f"DAG {run.dag_id}, run {run.run_id}, task {run.task_id}"))
        rows.append(("trained by task", run.trained_by or ""))
        rows.append(("card written", f"{run.written:%Y-%m-%d %H:%M:%S} UTC"))
    rows += [(f"left out: {path}", reason) for path, reason in model.left_out.items()]
    return _table(("", ""), [row for row in rows if row[1]])


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_text(sentence)}" for sentence in sentences)


def _code(text: str) -> str:
    return f"`{text}`" if text.isalnum() else _text(text)
