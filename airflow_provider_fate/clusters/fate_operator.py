"""FATE-Operator of Kubeflow: what its controller takes, what its objects say, and what that really means.

It was last changed in 2021, creates objects of API groups that Kubernetes has dropped with 1.22, and knows the charts
of FATE 1.4 and 1.5. Its objects have no failed state: each of the judges here finds failure in what else there is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from airflow_provider_fate.clients.kubernetes import Json, Judgement, failed, ready, waiting
from airflow_provider_fate.errors import FateConfigError, FateInputError

__all__ = [
    "API_VERSION",
    "FINALIZER",
    "check_cluster_spec",
    "check_kubefate_spec",
    "check_release",
    "job_spec",
    "judge_cluster",
    "judge_job",
    "judge_kubefate",
]

API_VERSION = "app.kubefate.net/v1beta1"
FINALIZER = "finalizers.app.kubefate.net"
NEWEST = (1, 21)
"""Of Kubernetes: its Ingress objects and its custom resource definitions are of versions that 1.22 does not know."""
CHARTS = ("v1.4.", "v1.5.")
Spec: TypeAlias = Mapping[str, Any]

FIELDS = frozenset(
    {
        *("backend", "bachostkend", "chartName", "chartVersion", "externalMysqlDatabase", "externalMysqlIp"),
        *("externalMysqlPassword", "externalMysqlPort", "externalMysqlUser", "hdfs", "imagePullSecrets", "imageTag"),
        *("istio", "lbrollsite", "modules", "mysql", "name", "namespace", "nginx", "nodemanager", "partyId"),
        *("persistence", "pullPolicy", "python", "rabbitmq", "registry", "rollsite", "servingIp", "servingPort"),
        "spark",
    }
)
"""Of a cluster that the controller reads; all others it drops without a word."""


def check_release(version: str) -> None:
    """Check that the controller can work on this Kubernetes.

    :param version: of the server, such as ``v1.20.2``.
    :raises FateConfigError: it is too new.
    """
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is not None and (int(found[1]), int(found[2])) > NEWEST:
        raise FateConfigError(
            f"FATE-Operator does not work on Kubernetes {version}: it makes Ingress objects of a version that was "
            "removed with 1.22, and its own kinds are defined in one that was removed then, too.",
            hint="Use Kubernetes 1.15 to 1.21 for it, or deploy through KubeFATE with FateClusterDeployOperator.",
        )


# -- what may be asked for --------------------------------------------------------------------------------------------


def check_kubefate_spec(spec: Spec) -> None:
    """Check the spec of a Kubefate.

    :raises FateInputError: the controller could not work with it.
    """
    config = spec.get("config")
    if not isinstance(config, list) or not all(isinstance(one, Mapping) and one.get("name") for one in config):
        raise FateInputError(
            f"spec.config ({type(config).__name__}) is no list of environment variables.",
            hint="Give at least MYSQL_USER, MYSQL_PASSWORD, FATECLOUD_DB_USERNAME and FATECLOUD_DB_PASSWORD, each as "
            "{name, valueFrom: {secretKeyRef: ...}}.",
        )
    plain = [one["name"] for one in config if "PASSWORD" in str(one["name"]).upper() and one.get("value")]
    if plain:
        raise FateInputError(
            f"spec.config: the value of {', '.join(plain)} stands in the object, where all who can read it see it.",
            hint="Put it into a Secret, and write valueFrom: {secretKeyRef: {name: ..., key: ...}}.",
        )
    if not spec.get("ingressDomain"):
        raise FateInputError("spec.ingressDomain is missing.", hint="Say under which name KubeFATE shall be reached.")


def check_cluster_spec(spec: Spec) -> None:
    """Check the clusterSpec of a FateCluster.

    :raises FateInputError: the controller would refuse it, or drop a part of it without a word.
    """
    if unknown := sorted(set(spec) - FIELDS):
        way = (
            "bachostkend (sic) is what it reads for host" if "host" in unknown else "See CHARTS it knows: FATE 1.4, 1.5"
        )
        raise FateInputError(
            f"cluster.{', cluster.'.join(unknown)}: FATE-Operator drops what it does not know.",
            hint=f"{way}. What it cannot say, KubeFATE can: FateClusterDeployOperator.",
        )
    party = spec.get("partyId")
    if not isinstance(party, int) or isinstance(party, bool) or not 0 < party < 2**31:
        raise FateInputError(f"cluster.partyId={party!r} is no party id.", hint="Give a number, without quotes.")
    version = str(spec.get("chartVersion") or "")
    if not version.startswith(CHARTS):
        raise FateInputError(
            f"cluster.chartVersion={version!r}: FATE-Operator knows the charts of FATE 1.4 and 1.5 only.",
            hint="Deploy newer releases through KubeFATE: FateClusterDeployOperator.",
        )
    if not spec.get("chartName"):
        raise FateInputError("cluster.chartName is missing.", hint="It is 'fate'.")
    nodes = spec.get("nodemanager")
    if not isinstance(nodes, Mapping) or "sessionProcessorsPerNode" not in nodes:
        raise FateInputError(
            "cluster.nodemanager.sessionProcessorsPerNode is missing.",
            hint="It is required, even where Spark computes: {count: 1, sessionProcessorsPerNode: 4}.",
        )


def job_spec(*, image: str, cluster: str, cluster_namespace: str, pipeline: object, modules: object) -> dict[str, Any]:
    """The spec of a FateJob.

    :param pipeline: the DSL, as a mapping or JSON.
    :param modules: the runtime conf, likewise.
    :raises FateInputError: one of them is none, or would end in a shell.
    """
    conf = {"pipeline": _quotable("pipeline", pipeline), "modulesConf": _quotable("modules_conf", modules)}
    reference = {"kind": "FateCluster", "name": cluster, "namespace": cluster_namespace}
    return {"image": image, "fateClusterRef": reference, "jobConf": conf}


def _quotable(field: str, given: object) -> str:
    try:
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        if not isinstance(json.loads(text), dict):
            raise ValueError
    except (TypeError, ValueError):
        raise FateInputError(f"{field} is no JSON object.", hint="Give a mapping, or the text of one.") from None
    if "'" in text:
        # It is put between single quotes into a line of shell, so that it would end there.
        raise FateInputError(
            f"{field} holds the character ' near {text[max(0, text.index(chr(39)) - 20) :][:40]!r}.",
            hint="FATE-Operator puts it into a shell between such quotes. Write it as \\u0027.",
        )
    return text


# -- what they say ----------------------------------------------------------------------------------------------------


def _status(body: Json) -> Mapping[str, Any]:
    found = body.get("status")
    return found if isinstance(found, Mapping) else {}


def judge_kubefate(body: Json) -> Judgement:
    """Whether KubeFATE is up, as the controller says; it says so before there are pods."""
    word = str(_status(body).get("status") or "")
    if word == "Running":
        spec = body.get("spec") or {}
        return ready(word, host=spec.get("ingressDomain"))
    if word in ("Faild", "Failed"):  # the first is how the controller spells it
        return failed(f"the controller says {word}")
    return waiting(word or "the controller has not looked at it yet")


def judge_cluster(body: Json) -> Judgement:
    """Whether the cluster is there, as the controller says."""
    status = _status(body)
    word = str(status.get("status") or "")
    match word:
        case "Running":
            return ready(word, job_id=status.get("jobId"), cluster_id=status.get("clusterId"))
        case "Faild" | "Failed":
            return failed(f"KubeFATE says {word}")
        case "Deleted":
            return failed("KubeFATE has removed it, as it does where an installation fails")
        case "Rollback":
            return failed("an update has failed, and KubeFATE has rolled it back")
        case "" | "Pending":
            return waiting(f"{word or 'no state yet'}: waits for its Kubefate to run")
    return waiting(f"{word}; KubeFATE's job {status.get('jobId') or 'is not known yet'}")


def judge_job(body: Json) -> Judgement:
    """Whether the job is over; the controller says Running for ever of one that has failed."""
    status = _status(body)
    word = str(status.get("status") or "")
    batch = status.get("jobStatus")
    batch = batch if isinstance(batch, Mapping) else {}
    for one in batch.get("conditions") or ():
        if one.get("type") == "Failed" and one.get("status") == "True":
            why = ": ".join(str(one[part]) for part in ("reason", "message") if one.get(part))
            return failed(f"its pods have failed: {why}")
    if word == "Succeeded":
        return ready(word)
    tries = f"; {batch['failed']} of its pods have failed" if batch.get("failed") else ""
    return waiting(f"{word or 'the controller has not looked at it yet'}{tries}")
