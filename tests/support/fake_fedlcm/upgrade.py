"""Upgrades of exchanges and clusters."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.fake_gin import Call, Worker, Wrong, route

from .fate import FateRoutes
from .records import ACTIVE, CHARTS, CLUSTER, EXCHANGE, UPGRADING


class UpgradeRoutes(FateRoutes):
    """Routes that end with ``/upgrade``."""

    @route("GET", "/federation/fate/:uuid/exchange/:one/upgrade")
    def upgrades(self, call: Call) -> Any:
        row = self._managed(call)
        document = yaml.safe_load(row["deployment_yaml"])
        now = document["chartVersion"]
        newer = [chart[2] for chart in CHARTS if chart[1] == document["chartName"] and _number(chart[2]) > _number(now)]
        return {"version": now, "upgradeable_version_list": newer or None}

    @route("GET", "/federation/fate/:uuid/cluster/:one/upgrade")
    def cluster_upgrades(self, call: Call) -> Any:
        return self.upgrades(call)

    @route("POST", "/federation/fate/:uuid/exchange/:one/upgrade")
    def upgrade(self, call: Call) -> Any:
        row = self._managed(call)
        if row["type"] == CLUSTER:
            self.active_exchange(row["federation_uuid"])
        self.test_endpoint(row["endpoint_uuid"])
        document = yaml.safe_load(row["deployment_yaml"])
        before, wanted = document["chartVersion"], call.query["upgradeVersion"]
        if _number(before) >= _number(wanted):
            raise Wrong(f"the version passed in cannot be upgraded, currentVersion {before}, upgradeVersion: {wanted}")
        if not any((chart[1], chart[2]) == (document["chartName"], wanted) for chart in CHARTS):
            raise Wrong("faile to get chart: chart not found")
        old = row["deployment_yaml"]
        row["deployment_yaml"] = yaml.safe_dump(document | {"chartVersion": wanted})  # the new version, at once
        row["status"] = UPGRADING
        what, kind = ("exchange", 2) if row["type"] == EXCHANGE else ("cluster", 3)
        self.say(row["uuid"], kind, f"start upgrading {what}")
        self.begin(self._upgraded(row, old))

    @route("POST", "/federation/fate/:uuid/cluster/:one/upgrade")
    def upgrade_cluster(self, call: Call) -> Any:
        return self.upgrade(call)

    def _upgraded(self, row: dict[str, Any], old: str) -> Worker:
        what, kind = ("exchange", 2) if row["type"] == EXCHANGE else ("cluster", 3)
        self.say(row["uuid"], kind, f"upgrading FATE {what} {row['name']} with UUID {row['uuid']}")
        yield self.helm_takes
        row["status"] = ACTIVE  # also where it has failed
        if words := self.fails.get("upgrade"):
            row["deployment_yaml"] = old
            self.say(row["uuid"], kind, f"failed to upgrade FATE {what}: {words}", "Error")
            return
        self.say(row["uuid"], kind, f"FATE {what} {row['name']}({row['uuid']}) upgraded")

    def _managed(self, call: Call) -> dict[str, Any]:
        row = self.row(self.participants, call.path["one"])
        if not row["is_managed"]:
            raise Wrong("The cluster not managed by FedLCM cannot be upgraded.")
        return row


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").partition("-")[0].split("."))
