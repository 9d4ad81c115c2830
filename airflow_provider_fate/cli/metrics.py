"""``airflow fate metrics``: what a job has measured, as far as the site shows it."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_fate.cli.command import command, note, site
from airflow_provider_fate.cli.output import as_json, as_table
from airflow_provider_fate.errors import FateInvalidParameterError

if TYPE_CHECKING:
    from airflow_provider_fate.metrics import Curve, JobMetrics, MetricValue

_KINDS = (".json", ".parquet")


@command
def metrics(args: Namespace) -> None:
    """Print numbers, or what curves there are; and write all of it into a file where one is named."""
    from airflow_provider_fate.metrics import collect_metrics
    from airflow_provider_fate.site.records import party_record

    role, party_id = _party(args)
    if args.output_file and not args.output_file.endswith(_KINDS):
        raise FateInvalidParameterError(
            f"--output-file {args.output_file!r} is of no kind that is written.",
            hint="Let its name end with .json (all of it) or .parquet (a row for each point).",
        )
    with site(args) as session:
        own = session.site
        record = party_record(
            session.client, args.job_id, role, party_id or own.party_id, usual_role=None if role else own.role
        )
        found = collect_metrics(session.client, record)
    if not record.status.is_terminal:
        note(f"Job {args.job_id} is {record.status}: these are the metrics so far.")
    if args.output_file:
        _write(found, args.output_file)
    if args.output == "json":
        as_json(json.loads(found.to_json()))
        return
    _print(found, curves=args.curves)
    for one in found.missing:
        note(f"Missing: {f'{one.task}: ' if one.task else ''}{one.what}. {one.why}")


def _party(args: Namespace) -> tuple[str | None, str | None]:
    if not args.party:
        return None, None
    role, colon, party_id = args.party.partition(":")
    if not (role and colon and party_id):
        raise FateInvalidParameterError(f"--party {args.party!r} is not a party.", hint="Write it as guest:9999.")
    return role, party_id


def _print(found: JobMetrics, *, curves: bool) -> None:
    if found.is_empty:
        note(f"{found.job.who} has measured nothing in job {found.job.job_id}.")
    elif curves:
        as_table(
            ("task", "curve", "model", "rows", "fold", "label", "points", "x", "y", "from", "to"),
            (_curve(curve) for curve in found.curves),
        )
    else:
        as_table(
            ("task", "metric", "model", "rows", "fold", "label", "iteration", "value"),
            dict.fromkeys(_number(value) for value in found.final()),
        )
        counts = {"curves": found.curves, "tables": found.tables, "importances": found.importances, "raw": found.raw}
        more = ", ".join(f"{name}: {len(there)}" for name, there in counts.items() if there)
        if more:
            note(f"There is more ({more}). --curves lists curves, --output json or --output-file gives all.")


def _number(value: MetricValue) -> tuple[object, ...]:
    shown = f"{value.value:.6g}" if isinstance(value.value, float) else value.value
    model = value.model if value.model != value.task else None
    return value.task, value.name, model, value.dataset, value.fold, value.label, value.iteration, shown


def _curve(curve: Curve) -> tuple[object, ...]:
    model = curve.model if curve.model != curve.task else None
    ends = (f"{curve.y[0]:.6g}", f"{curve.y[-1]:.6g}") if curve.y else (None, None)
    place = (curve.task, curve.name, model, curve.dataset, curve.fold, curve.label)
    return *place, len(curve.x), curve.x_name, curve.y_name, *ends


def _write(found: JobMetrics, place: str) -> None:
    from airflow_provider_fate.metrics import to_parquet
    from airflow_provider_fate.storage.folder import require_no_password
    from airflow_provider_fate.storage.target import stored_target

    require_no_password("--output-file", place)
    content = to_parquet(found) if place.endswith(".parquet") else found.to_json().encode()
    with stored_target(place) as file:
        file.write(content)
    note(f"Wrote {place}.")
