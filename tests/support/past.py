"""A fake FATE-Flow with a past: uploads and jobs of some days ago, made through its interface."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi
from tests.support.fake_flow import FakeFlow, Script

DAY = 86400


@dataclass
class Past:
    """Make what happened in the order in which it happened, then ``come_back``."""

    fake: FakeFlow
    flow: FlowClient

    def go_to(self, days_ago: float) -> None:
        """Set the fake's clock."""
        self.fake.clock.advance(time.time() - days_ago * DAY - self.fake.clock.now())

    def come_back(self) -> None:
        """Let it be now."""
        self.go_to(0)
        self._let_end()

    def upload(self, table: str, days_ago: float, rows: int = 3, script: Script | None = None) -> str:
        """An upload; returns its job."""
        self.go_to(days_ago)
        self.fake.plan(script or Script())
        namespace, _, name = table.partition(".")
        content = "id,x\n" + "".join(f"{i},1\n" for i in range(rows))
        meta = UploadMeta(match_id_name="id")
        job_id = self.flow.data.upload_file([content.encode()], namespace=namespace, name=name, meta=meta).job_id
        self._let_end()
        return job_id

    def psi(self, guest: str, host: str, days_ago: float, script: Script | None = None, **conf: Any) -> str:
        """A job that makes no model."""
        return self.run(Psi(guest=Party("9999", guest), hosts=[Party("10000", host)]).dag(), days_ago, script, **conf)

    def train(self, guest: str, host: str, days_ago: float, script: Script | None = None, **conf: Any) -> str:
        """A job that makes a model."""
        recipe = HeteroSecureBoost(guest=Party("9999", guest), hosts=[Party("10000", host)])
        return self.run(recipe.dag(), days_ago, script, **conf)

    def run(self, dag: dict[str, Any], days_ago: float, script: Script | None = None, **conf: Any) -> str:
        """Any job."""
        self.go_to(days_ago)
        self.fake.plan(script or Script())
        dag["dag"]["conf"] = {**(dag["dag"].get("conf") or {}), **conf}
        job_id = self.flow.job.submit(dag).job_id
        self._let_end()
        return job_id

    def has_table(self, table: str) -> bool:
        """Whether it is there."""
        namespace, _, name = table.partition(".")
        return self.fake.tables.get(namespace, name) is not None

    def _let_end(self) -> None:
        self.fake.clock.advance(60)
        with self.fake.lock:
            self.fake.tick()
