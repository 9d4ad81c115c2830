"""A kind of Kubernetes objects, and operators: widgets, which are ready when a controller says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_fate.clients.kubernetes import Judgement, by_condition
from airflow_provider_fate.operators._kubernetes import KubernetesApplyOperator, KubernetesDeleteOperator
from airflow_provider_fate.remote.kinds.kubernetes_apply import KubernetesApply
from tests.support.cluster_of_kubernetes import CONN_ID

API_VERSION = "test.example.org/v1"
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definition(plural: str, kind: str, schema: Mapping[str, Any], *, subresource: bool = True) -> dict[str, Any]:
    """Of a kind whose spec has this schema."""
    group, version = schema["group"], schema["version"]
    properties = {"spec": schema["spec"], "status": ANYTHING}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
                    "subresources": {"status": {}} if subresource else {},
                }
            ],
        },
    }


WIDGETS = definition(
    *("widgets", "Widget"),
    {
        "group": "test.example.org",
        "version": "v1",
        "spec": {"type": "object", "properties": {"size": {"type": "integer"}, "color": {"type": "string"}}},
    },
)


def path(namespace: str, name: str = "") -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/widgets" + (f"/{name}" if name else "")


class WidgetApply(KubernetesApply):
    pod_label = "widget"

    def judge(self, body: Any) -> Judgement:
        return by_condition(body, fatal=["Broken"])


class WidgetOnce(WidgetApply):
    once = True


class WidgetOperator(KubernetesApplyOperator):
    def __init__(self, *, spec: Any, once: bool = False, kubernetes_conn_id: str = CONN_ID, **kwargs: Any) -> None:
        super().__init__(kubernetes_conn_id=kubernetes_conn_id, **kwargs)
        self.spec = spec
        self.once = once

    def kind(self) -> WidgetApply:
        return (WidgetOnce if self.once else WidgetApply)(self.kubernetes_conn_id)

    def manifest(self, context: Any) -> Mapping[str, Any]:
        return {"apiVersion": API_VERSION, "kind": "Widget", "spec": self.spec}


class WidgetDeleteOperator(KubernetesDeleteOperator):
    api_version = API_VERSION
    object_kind = "Widget"
