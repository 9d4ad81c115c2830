"""Which checks there are for what somebody asks of a site that answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_fate.jobs.validation.job import Job
from airflow_provider_fate.site.incoming import ROLES
from airflow_provider_fate.site.preflight.asked import Preflight, RequiredTable
from airflow_provider_fate.site.preflight.check import PreflightCheck
from airflow_provider_fate.site.preflight.greeting import Greeting, signature_check
from airflow_provider_fate.site.preflight.job import configuration_of, cores_check, job_check, wrong_job
from airflow_provider_fate.site.preflight.models import model_check, models_of_job
from airflow_provider_fate.site.preflight.models_on_disk import language_files, own_language_tasks
from airflow_provider_fate.site.preflight.partners import contact_check, trust_check
from airflow_provider_fate.site.preflight.permissions import components_of, granted_here, granted_there
from airflow_provider_fate.site.preflight.queue import queue_check
from airflow_provider_fate.site.preflight.settings import settings_check
from airflow_provider_fate.site.preflight.tables import label_check, table_check, tables_of_job

if TYPE_CHECKING:
    from airflow_provider_fate.jobs.model_files import LanguageTask
    from airflow_provider_fate.site.preflight.together import Unit
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["PreflightPlan", "without_site"]


def without_site(session: SiteSession, asked: Preflight) -> Iterator[PreflightCheck]:
    """What can be said of a job although the site says nothing."""
    if asked.wrong_job is not None:
        yield from wrong_job(asked.wrong_job)
    elif asked.job is not None:
        yield from job_check(asked.job, session.site.party_id)
        yield from cores_check(session, None, asked.job, standalone=False)


@dataclass(frozen=True)
class PreflightPlan:
    """The checks of one look.

    :param greeting: the site's first words; it has said whose it is.
    """

    session: SiteSession
    asked: Preflight
    greeting: Greeting

    @property
    def standalone(self) -> bool:
        """Whether the server serves every party."""
        return self.greeting.info is not None and self.greeting.info.standalone

    @property
    def own(self) -> str | None:
        """The site's party id; ``None``: neither the connection nor the server names one."""
        said = self.greeting.info.party_id if self.greeting.info is not None else None
        return self.session.site.party_id or said

    @property
    def members(self) -> list[tuple[str, str]]:
        """Role and party id of all that take part in the job."""
        return Job(self.asked.job).parties if self.asked.job is not None else []

    def units(self) -> Iterator[Unit]:
        """All of them, in the order in which a person reads them."""
        session, job = self.session, self.asked.job
        yield "signature", partial(signature_check, session)
        yield from self._of_job()
        tables, wrong = self._tables()
        for check in wrong:
            yield check.name, partial(list, [check])
        language = self._language()
        for table in tables:
            reader = next((task for task in language if (task.role, task.party_id) == table.party), None)
            yield f"table {table.table}", partial(table_check, session, table, reader)
        # Parties of one server that are told the same read the same files.
        for task in {str(task.conf): task for task in language}.values():
            yield f"files of {task.name}", partial(language_files, session.site, task)
        if job is not None:
            yield "labels", partial(label_check, session, job)
        yield from self._models()
        yield "queue", partial(queue_check, session, self.greeting.now, self.asked.max_wait)
        yield "cores", self._of_server
        if not self.standalone:
            yield from self._partners(tables)

    def _of_job(self) -> Iterator[Unit]:
        if self.asked.wrong_job is not None:
            yield "job", partial(wrong_job, self.asked.wrong_job)
        elif self.asked.job is not None:
            yield "job", partial(job_check, self.asked.job, self.own)

    def _of_server(self) -> Iterator[PreflightCheck]:
        told = configuration_of(self.session)  # once for both
        yield from cores_check(self.session, told, self.asked.job, standalone=self.standalone)
        yield from settings_check(told)

    def _tables(self) -> tuple[list[RequiredTable], list[PreflightCheck]]:
        """What is to be looked at, and what has a name that no table can have."""
        tables, wrong = list(self.asked.tables), []
        if self.asked.job is not None:
            named = {table.table for table in tables}
            for read in tables_of_job(self.asked.job, self._served, self.asked.min_rows):
                if isinstance(read, PreflightCheck):
                    wrong.append(read)
                elif read.table not in named:
                    named.add(read.table)
                    tables.append(read)
        return tables, wrong

    @property
    def _served(self) -> set[str]:
        """Ids of the parties whose machines are this site's."""
        return {party for _, party in self.members} if self.standalone else {str(self.own)}

    def _language(self) -> list[LanguageTask]:
        """Tasks of language models at these parties."""
        return own_language_tasks(self.asked.job, self._served) if self.asked.job is not None else []

    def _models(self) -> Iterator[Unit]:
        named = self.asked.model_job
        if named is not None:
            yield f"model {named}", partial(model_check, self.session, named, named=True)
        for model in models_of_job(self.asked.job) if self.asked.job is not None else ():
            if model != named:
                yield f"model {model}", partial(model_check, self.session, model, named=False)

    def _partners(self, tables: list[RequiredTable]) -> Iterator[Unit]:
        roles: set[str | None] = {role for role, party in self.members if party == self.own}
        roles = roles or {self.session.site.role}
        components = components_of(self.asked.job, self.own) if self.asked.job is not None else []
        for party in dict.fromkeys([*self.asked.partners, *(party for _, party in self.members)]):
            if party == self.own:
                continue
            yield f"partner {party}", partial(self._of_partner, party)
            if roles <= set(ROLES):
                if not self.members or ("guest", party) in self.members:
                    ours = [table.table for table in tables]
                    yield f"permission of {party}", partial(granted_here, self.session, party, ours, components)
            else:
                yield f"permission at {party}", partial(granted_there, party, self.own)

    def _of_partner(self, party: str) -> Iterator[PreflightCheck]:
        yield from trust_check(self.session, party)
        yield from contact_check(self.session, party, self.greeting.now, self.asked.contact_age)
