"""What operators do with a federation file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.data.given import Ids
from airflow_provider_fate.errors import FateInputError, FateWrongPartyError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk import Context

    from airflow_provider_fate.data.contract import Contract
    from airflow_provider_fate.data.ids import IdRule
    from airflow_provider_fate.federation import Federation
    from airflow_provider_fate.site.session import SiteSession


@dataclass(frozen=True)
class AgreedUpload:
    """A table of a federation file that is to be uploaded.

    :param key: short name of the table.
    """

    federation: Federation
    key: str

    @classmethod
    def of(cls, contract: object, operator: BaseOperator) -> AgreedUpload | None:
        """The table that ``contract="federation.yaml#usage"`` names; ``None`` for any other contract."""
        from airflow_provider_fate.storage.federation import table_reference

        reference = table_reference(contract)
        if reference is None:
            return None
        federation = federation_of(reference[0], operator)
        federation.table_of(reference[1])
        return cls(federation, reference[1])

    @property
    def contract(self) -> Contract:
        """What it must look like."""
        return self.federation.contract(self.key)

    @property
    def party(self) -> str:
        """Short name of the party that brings it."""
        return self.federation.table_of(self.key).party

    def name(self, context: Context) -> str:
        """Its name for the day of the run."""
        from airflow_provider_fate.ui.plugin import day

        return self.federation.table(self.key, day(context["dag_run"]))

    def require_own(self, session: SiteSession) -> None:
        """Check that the site is that of the table's party; a standalone site serves every party.

        :raises FateWrongPartyError: it is another party's.
        """
        key = self.party
        party = self.federation.party(key)
        if session.site.party_id in (None, party.party_id) or session.client.site.info().standalone:
            return
        raise FateWrongPartyError(
            f"table {self.key!r} of federation {self.federation.federation!r} belongs to {key} ({party.party_id}), and "
            f"connection {session.site.conn_id!r} is of party {session.site.party_id}.",
            hint="Name the connection of that party's site, or another table.",
        )


def id_rule(ids: Ids, agreed: AgreedUpload | None) -> IdRule:
    """What becomes of match ids, with the salt.

    :param ids: what the operator was told.
    :param agreed: the table of a federation, if it is one; the fingerprint of its salt is compared.
    :raises FateInputError: both say it.
    """
    from airflow_provider_fate.data.ids import IdRule
    from airflow_provider_fate.storage.federation import agreed_salt
    from airflow_provider_fate.storage.source import salt_of

    if agreed is None:
        salt = salt_of(ids.salt_conn_id) if ids.salt_conn_id else None
        return IdRule(ids.strip, ids.case, salt, ids.floats)
    if ids != Ids():
        raise FateInputError(
            f"the task says how ids are made ({ids}), and so does federation {agreed.federation.federation!r}",
            hint="Leave ids out here: all parties make them as the federation says.",
        )
    rule = agreed.federation.id_rule(agreed.party)
    return IdRule(rule.strip, rule.case, agreed_salt(agreed.federation, agreed.party), rule.floats)


def federation_of(given: Federation | str | Path, operator: BaseOperator) -> Federation:
    """The federation that an operator was given: itself, or the path of its file, also beside the DAG file."""
    from airflow_provider_fate.federation import Federation
    from airflow_provider_fate.storage.federation import read_federation

    if isinstance(given, Federation):
        return given
    if not isinstance(given, (str, Path)):
        raise FateInputError(
            f"federation of {operator.task_id} is a {type(given).__name__}.",
            hint="Give the path of the file, or Federation.read(path).",
        )
    has_dag = operator.has_dag()  # type: ignore[no-untyped-call]
    return read_federation(given, operator.dag.folder if has_dag else None)


def require_agreed(given: Federation | str | Path, dag: Mapping[str, Any], operator: BaseOperator) -> None:
    """Check that a job does now what is agreed upon, and no more.

    :raises FateInvalidJobError: it goes beyond; lists where.
    """
    from airflow_provider_fate.jobs.problems import invalid_job

    federation = federation_of(given, operator)
    if problems := federation.problems(dag, now=datetime.now(tz=UTC)):
        raise invalid_job(problems, what=f"By federation {federation.federation!r}, this job")
