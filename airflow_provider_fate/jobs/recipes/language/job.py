"""What all jobs with language models have in common: parties, the provider that runs them, and what they cannot do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.base import Recipe
from airflow_provider_fate.jobs.recipes.hetero import read_tables

__all__ = ["PUBLISHED", "LanguageJob"]

PUBLISHED = "fate:2.2.0@local"
"""The provider that a site has without further ado: the packages that FATE-Flow itself runs in."""

_PROVIDER = re.compile(r"(?P<name>[A-Za-z0-9_]+):(?P<version>[A-Za-z0-9_.\-]+)@(?P<device>local|docker|k8s)")


class LanguageJob(Recipe):
    """A job of FATE-LLM.

    For FATE it is a ``homo_nn`` with another runner: all parties need FATE-LLM in the environment of the provider that
    runs the task, and nothing else is registered. The tables of the parties are names of files or folders on their
    disks (``FateBindPathOperator``), not uploads.

    :param provider: run the training by this provider, at all parties, such as ``"fate:2.2.0-llm@local"``; each party
        has registered it under the same name (``FateProviderOperator``). The site's default if not set.
    """

    _name: ClassVar[str] = "llm_0"
    _runner: ClassVar[tuple[str, str]]
    """Module and class of FATE-LLM that run it."""
    _broken: ClassVar[str | None] = None
    """Why the published wheel of FATE-LLM 2.2.0 cannot run it, whatever it is told."""
    _hosts: ClassVar[Literal["needed", "allowed", "refused"]] = "needed"
    _not_offered: ClassVar[dict[str, tuple[str, str]]] = {
        "warm_start": (
            "FATE 2.2 goes on from whole models only ('pytorch_model.bin'), and the job leaves an adapter",
            "Merge the adapter into a copy of the base model, copy that to the sites, and give its path.",
        ),
        "holdout": (
            "FATE-LLM trains on all rows of a file",
            "Hold rows out when the texts are written, and judge the adapter by them afterwards.",
        ),
        "evaluation": (
            "FATE's evaluation takes scores, not texts",
            "Judge the adapter by held-out texts afterwards.",
        ),
        "cross_validation": ("FATE-LLM has no such stage", "Hold rows out when the texts are written."),
    }

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check(self) -> list[Problem]:
        problems = super()._check()
        if self._hosts != "needed":
            problems = [problem for problem in problems if problem.field != "hosts"]
        if self._hosts == "refused" and self.hosts:
            ids = [host.party_id for host in self.hosts]
            reason = "the algorithm runs between one guest and the arbiter, and a host would wait for ever"
            problems.append(Problem("hosts", ids, reason, "Leave them out, and run a job for each party with data."))
        for field, party in [("guest", self.guest), *((f"hosts.{n}", host) for n, host in enumerate(self.hosts))]:
            if party.holdout_table is not None:
                reason, fix = self._not_offered["holdout"]
                problems.append(Problem(f"{field}.holdout_table", party.holdout_table, reason, fix))
        return problems + self._provider_problems()

    def _provider_problems(self) -> list[Problem]:
        way_out = (
            "Register an environment of the sites with the defect repaired (FateProviderOperator), at every party "
            "under the same name, and name it, such as provider='fate:2.2.0-llm@local'."
        )
        if self.provider is None or self.provider == PUBLISHED:
            if (broken := self._breaks()) is None:
                return []
            return [
                Problem("provider", self.provider, f"the published FATE-LLM 2.2.0 cannot run it: {broken}", way_out)
            ]
        parts = _PROVIDER.fullmatch(self.provider)
        if parts is None:
            reason = "it is not 'name:version@device' with local, docker or k8s as device"
            return [Problem("provider", self.provider, reason, "Write it as in 'fate:2.2.0-llm@local'.")]
        if parts["name"] != "fate":
            reason = "FATE-Flow loads the components of a provider by its name, and those of FATE-LLM are FATE's own"
            fix = f"Register it as 'fate', and write 'fate:{parts['version']}@{parts['device']}'."
            return [Problem("provider", self.provider, reason, fix)]
        return []

    def _breaks(self) -> str | None:
        """Why the published wheel cannot run it as it is described here."""
        return self._broken

    def _runs(self) -> tuple[str, str]:
        """Module and class of FATE-LLM that run it as it is described here."""
        return self._runner

    def _clients(self) -> list[tuple[str, str]]:
        """Role and id of the parties that bring data."""
        return [("guest", self.guest.party_id), *(("host", host.party_id) for host in self.hosts)]

    # -- the job -----------------------------------------------------------------------------------------------------

    def _conf(self) -> JsonObject:
        conf = super()._conf()
        task = conf["task"]
        assert isinstance(task, dict)
        # The reader is FATE's own at all parties: only the training is run by another provider.
        task.pop("provider", None)
        return conf

    def _add(
        self,
        dag: DagBuilder,
        common: Mapping[str, object] | None = None,
        by_party: Mapping[tuple[str, str], Mapping[str, object]] | None = None,
    ) -> None:
        """Add the reader and the task of FATE-LLM.

        :param common: ``runner_conf`` where all parties have the same.
        :param by_party: ``runner_conf`` by role and party id where they do not.
        """
        table = dag.add("reader_0", "reader", roles=["guest", "host"])["output_data"]
        read_tables(dag, "reader_0", self.guest, self.hosts)
        module, name = self._runs()
        parameters: JsonObject = {"runner_module": module, "runner_class": name}
        if common is not None:
            parameters["runner_conf"] = dict(common)
        conf = {} if self.provider is None else {"provider": self.provider}
        dag.add(self._name, "homo_nn", inputs={"train_data": table}, parameters=parameters, conf=conf)
        for (role, party_id), own in (by_party or {}).items():
            dag.set_party_parameters(role, party_id, self._name, {"runner_conf": dict(own)})
