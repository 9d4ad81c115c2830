"""``airflow fate federation``: check the contract of a federation, alone and against a site."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_fate.cli.command import command, note, site
from airflow_provider_fate.cli.output import as_json, as_table, printable, say

if TYPE_CHECKING:
    from airflow_provider_fate.errors import FateFederationError
    from airflow_provider_fate.federation import Federation
    from airflow_provider_fate.site.federation_check import AgreementCheck
    from airflow_provider_fate.site.session import SiteSession


@command
def check(args: Namespace) -> None:
    """Print what was looked at; the exit status is 1 if something failed."""
    from airflow_provider_fate.errors import FateFederationError
    from airflow_provider_fate.federation.names import as_day
    from airflow_provider_fate.storage.federation import read_federation

    try:
        federation = read_federation(args.file)
    except FateFederationError as error:
        _refuse(args, error)
    now = datetime.now(tz=UTC)
    day = as_day(args.day) if args.day else federation.calendar.newest_day(now)
    checks = list(_of_the_file(federation, day, now))
    if args.conn_id:
        with site(args) as session:
            checks += _of_the_site(session, federation, day, now)
    failed = any(one.result == "failed" for one in checks)
    if args.output == "json":
        checked = [asdict(one) for one in checks]
        as_json({"federation": federation.federation, "day": day.isoformat(), "ok": not failed, "checks": checked})
    else:
        as_table(("check", "result", "found"), ((one.subject, one.result, one.found) for one in checks))
        say(f"{one.subject}: {one.advice}" for one in checks if one.advice)
    if failed:
        raise SystemExit(1)


def _refuse(args: Namespace, error: FateFederationError) -> NoReturn:
    """End with all that is wrong with the file, a line for each."""
    if args.output == "json":
        problems = [{"field": one.field, "reason": one.reason, "fix": one.fix} for one in error.problems]
        as_json({"federation": None, "day": None, "ok": False, "problems": problems})
    else:
        for line in str(error).splitlines():
            note(printable(line))
    raise SystemExit(1)


def _of_the_file(federation: Federation, day: date, now: datetime) -> Iterator[AgreementCheck]:
    """What can be said without a site: reading the file has checked it."""
    from airflow_provider_fate.site.federation_check import AgreementCheck

    parties = ", ".join(
        f"{key} {party.party_id} ({' and '.join(party.role)})" for key, party in federation.parties.items()
    )
    yield AgreementCheck("file", "ok", f"federation {federation.federation} of {parties}")
    for key, job in federation.jobs.items():
        yield AgreementCheck(f"job {key}", "ok", f"{job.recipe}, as agreed")
    reason = federation.calendar.why_not(day, now)
    if reason:
        yield AgreementCheck("window", "not due", reason)
    else:
        yield AgreementCheck("window", "ok", f"the guest may run jobs with tables of {day} now")


def _of_the_site(session: SiteSession, federation: Federation, day: date, now: datetime) -> Iterator[AgreementCheck]:
    from airflow_provider_fate.site.federation_check import check_site

    yield from check_site(session, federation, day, now)
    if federation.ids.salt is not None and session.site.party_id is not None:
        known = [party.party_id for party in federation.parties.values()]
        if session.site.party_id in known and federation.tables_of(session.site.party_id):
            yield _salt(federation, session.site.party_id)


def _salt(federation: Federation, party_id: str) -> AgreementCheck:
    """Whether the connection that holds the salt has the agreed one."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_provider_fate.errors import FateConfigError, FateInputError
    from airflow_provider_fate.site.federation_check import AgreementCheck
    from airflow_provider_fate.storage.federation import agreed_salt

    conn_id = federation.id_rule(party_id).salt_conn_id
    try:
        agreed_salt(federation, party_id)
    except AirflowNotFoundException:
        return AgreementCheck(
            "salt", "failed", f"there is no connection {conn_id!r}", "Add it, with the salt as password."
        )
    except (FateConfigError, FateInputError) as error:
        return AgreementCheck("salt", "failed", error.message, error.hint or "")
    return AgreementCheck("salt", "ok", f"connection {conn_id!r} holds the agreed one")


@command
def fingerprint(args: Namespace) -> None:
    """Print the fingerprint of a salt, never the salt."""
    from airflow_provider_fate.federation import salt_fingerprint
    from airflow_provider_fate.storage.source import salt_of

    # Airflow looks into its database only in processes that say they may; its own `connections` commands do likewise.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    found = salt_fingerprint(salt_of(args.conn_id))
    if args.output == "json":
        as_json({"conn_id": args.conn_id, "fingerprint": found})
    else:
        say([found])


@command
def schema(args: Namespace) -> None:
    """Print the schema, as a file that an editor reads; in one line for programs."""
    from airflow_provider_fate.federation.schema import schema_text

    indent = None if args.output == "json" else 2
    as_json(json.loads(schema_text()), indent=indent)
