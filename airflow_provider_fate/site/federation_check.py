"""What a site is and has, next to what its federation agrees upon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from airflow_provider_fate.errors import FateTableNotFound
from airflow_provider_fate.federation import TableFacts
from airflow_provider_fate.jobs.catalogue import known_components
from airflow_provider_fate.site.preview import Preview, preview

if TYPE_CHECKING:
    from airflow_provider_fate.federation import Federation
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["KNOWN_RELEASE", "AgreementCheck", "check_site", "table_facts"]

KNOWN_RELEASE = "2.2."
"""The release of FATE whose components are known here."""


@dataclass(frozen=True)
class AgreementCheck:
    """One thing that was looked at.

    :param subject: what was looked at: ``party``, ``table usage``.
    :param result: ``ok``; ``failed``; or ``not due``, for a table that has still time to come, and a closed window.
    :param found: what was found, and how it should be.
    :param advice: what to do, where it failed.
    """

    subject: str
    result: Literal["ok", "failed", "not due"]
    found: str
    advice: str = ""


def check_site(session: SiteSession, federation: Federation, day: date, now: datetime) -> Iterator[AgreementCheck]:
    """Compare a site with the file; nothing is changed.

    :param day: the date whose tables are looked at.
    :param now: tables that are not to be published yet may be missing.
    """
    parties, check = _whose(session, federation)
    yield check
    yield from _components(session, federation)
    for party in parties:
        for key, table in federation.tables_of(party).items():
            yield _table(session, federation, key, str(table.dated_name.on(day)), day, now)


def _whose(session: SiteSession, federation: Federation) -> tuple[list[str], AgreementCheck]:
    """The parties of the file that the site serves."""
    said, info = session.site.party_id, session.client.site.info()
    by_id = {party.party_id: key for key, party in federation.parties.items()}
    known = ", ".join(f"{party_id} ({key})" for party_id, key in by_id.items())
    if info.standalone and said is None:
        return list(federation.parties), AgreementCheck("party", "ok", "standalone, serves every party")
    own = said if info.standalone or info.party_id is None else info.party_id
    if own is not None and said not in (None, own):
        advice = "Correct the party id of the connection, or its host."
        return [], AgreementCheck("party", "failed", f"the site is {own}, and the connection says {said}", advice)
    if own in by_id:
        standalone = ", standalone" if info.standalone else ""
        return [by_id[own]], AgreementCheck("party", "ok", f"{own} is {by_id[own]}{standalone}")
    advice = "Name the connection of a site in the file, or correct its id there, on both sides."
    return [], AgreementCheck("party", "failed", f"the site is {own}; the file has {known}", advice)


def _components(session: SiteSession, federation: Federation) -> Iterator[AgreementCheck]:
    version = session.client.server.version().version
    if not version.startswith(KNOWN_RELEASE):
        found = f"the server is FATE-Flow {version}; the components of {KNOWN_RELEASE}x are known here"
        yield AgreementCheck("components", "failed", found, "Ask your partners whether they run the same release.")
        return
    known = known_components()
    for provider in dict.fromkeys(known[name].provider for name in federation.components):
        brought = [name for name in federation.components if known[name].provider == provider]
        registered = session.client.provider.query(name=provider)
        named = f"{provider} ({', '.join(brought)})"
        if any(one.version.startswith(KNOWN_RELEASE) for one in registered):
            yield AgreementCheck("components", "ok", f"FATE-Flow {version} has {named}")
        else:
            others = ", ".join(one.version for one in registered) or "none"
            found = f"the server has no {named} of release {KNOWN_RELEASE}x; registered: {others}"
            yield AgreementCheck("components", "failed", found, "Register the provider at the server.")


def _table(
    session: SiteSession, federation: Federation, key: str, name: str, day: date, now: datetime
) -> AgreementCheck:
    from airflow_provider_fate.data.table import TableName

    subject = f"table {key}"
    try:
        seen = preview(session.client, TableName.parse(name), 0)
    except FateTableNotFound:
        due = federation.calendar.published_by(day)
        if due is not None and now < due:
            return AgreementCheck(subject, "not due", f"{name} is not there yet; agreed is until {_moment(due)}")
        return AgreementCheck(subject, "failed", f"{name} is not there", "Upload it, or look at the day's run.")
    wrong = federation.check_table(key, table_facts(seen))
    if not wrong:
        return AgreementCheck(subject, "ok", f"{name}: {seen.count} rows, columns as agreed")
    return AgreementCheck(
        subject,
        "failed",
        f"{name}: " + "; ".join(_short(one.field, one.value, one.reason) for one in wrong),
        " ".join(dict.fromkeys(one.fix for one in wrong)),
    )


def table_facts(seen: Preview) -> TableFacts:
    """What a site has told of a table, as it is compared with what was agreed."""
    special = {column.property: column.name for column in seen.columns}
    return TableFacts(
        rows=seen.count,
        data_type=seen.data_type,
        columns=[column.name for column in seen.columns if column.property == "column"],
        match_id=special.get("match_id"),
        label=special.get("label"),
        weight=special.get("weight"),
        dtypes={column.name: column.type for column in seen.columns if column.type is not None},
    )


def _short(field: str, value: object, reason: str) -> str:
    return f"{field}{'' if value is None else f' is {value}'}, {reason}" if value is not None else f"{field}: {reason}"


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"
