"""Records, events, and what all deployments have in common."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.support.fake_gin import GinService, Worker, Wrong

from .records import CHARTS


class FedlcmState(GinService):
    """What the service keeps.

    :ivar experiments: OpenFL is offered.
    :ivar fails: words with which the next installations, upgrades, removals or routes fail, by verb.
    :ivar helm_takes: its seconds that KubeFATE needs.
    :ivar namespaces: those of its Kubernetes, with the name of what is installed there by KubeFATE, or nothing.
    :ivar kubefate_away: no endpoint answers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.experiments = True
        self.fails: dict[str, str] = {}
        self.helm_takes = 3.0
        self.namespaces: dict[str, str] = {"default": "", "kube-fate": ""}
        self.kubefate_away = False
        self.infras: list[dict[str, Any]] = []
        self.endpoints: list[dict[str, Any]] = []
        self.federations: list[dict[str, Any]] = []
        self.participants: list[dict[str, Any]] = []
        self.tokens: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.certificates: list[dict[str, Any]] = []
        self.authority: dict[str, Any] | None = None

    def say(self, uuid: str, kind: int, words: str, level: str = "Info") -> None:
        self.events.append(
            {
                "uuid": self.uuid(),
                "type": 1,
                "created_at": self.moment(),
                "entity_uuid": uuid,
                "entity_type": kind,
                "data": {"description": words, "log_level": level},
            }
        )

    def said(self, uuid: str) -> list[str]:
        return [event["data"]["description"] for event in self.events if event["entity_uuid"] == uuid]

    def row(self, rows: list[dict[str, Any]], uuid: str) -> dict[str, Any]:
        found = next((row for row in rows if row["uuid"] == uuid), None)
        if found is None:
            raise Wrong("record not found")
        return found

    def chart_of(self, uuid: str, kind: int, what: str) -> tuple[str, str]:
        for chart, name, version, its_kind, _ in CHARTS:
            if chart == uuid and (its_kind < 3 or self.experiments):
                if its_kind != kind:
                    raise Wrong(f"chart {uuid} is not for {what} deployment")
                return name, version
        raise Wrong("faile to get chart: chart not found")

    def test_endpoint(self, uuid: str) -> None:
        self.row(self.endpoints, uuid)
        if self.kubefate_away:
            raise Wrong("failed to get kubefate client: error upgrading connection: pod kubefate-6c7 not found")

    def document(self, text: str) -> dict[str, Any]:
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as e:
            raise Wrong(f"failed to unmarshal deployment yaml: {e.__class__.__name__}") from None
        assert isinstance(document, dict)
        return document

    def named(self, rows: list[dict[str, Any]], name: str, federation: str, words: str) -> None:
        if any(row["name"] == name and row.get("federation_uuid", "") == federation for row in rows):
            raise Wrong(words)

    def installed(self, row: dict[str, Any]) -> Worker:
        """KubeFATE at work; ends with the words of the failure in ``row["failure"]``, or with a cluster."""
        new = row["namespace"] not in self.namespaces
        if not new and self.namespaces[row["namespace"]]:
            row["failure"] = (
                "cannot add new fate cluster as existing installations are running in the same namespace: "
                f"{{{self.namespaces[row['namespace']]} {row['namespace']}}}"
            )
            return
        self.namespaces[row["namespace"]] = row["name"]
        row["is_new_namespace"] = new
        row["job_uuid"] = self.uuid()
        yield self.helm_takes / 2
        row["cluster_uuid"] = self.uuid()
        yield self.helm_takes / 2
        if words := self.fails.get("install"):
            row["failure"] = (
                f"job is Failed, job info: &{{7 {row['job_uuid']} Failed [{words}] {row['deployment_yaml']}}}"
            )

    def uninstalled(self, row: dict[str, Any]) -> Worker:
        row.pop("failure", None)
        if not row["is_managed"]:
            return
        yield self.helm_takes / 2
        if words := self.fails.get("remove"):
            row["failure"] = words
            return
        if row.get("is_new_namespace"):
            self.namespaces.pop(row["namespace"], None)
        elif row["namespace"] in self.namespaces:
            self.namespaces[row["namespace"]] = ""


def slug(name: str) -> str:
    return "-".join(re.sub(r"[^a-z0-9]", " ", name.lower()).split())
