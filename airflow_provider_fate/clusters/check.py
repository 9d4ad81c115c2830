"""What would go wrong without a word: found before anything is sent."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from airflow_provider_fate.errors import FateInputError

from .addresses import DEFAULT_HOSTS, hosts_of
from .charts import model_of
from .document import ClusterDocument
from .problems import ClusterProblem

__all__ = ["check_cluster", "refuse_problems", "taken_hosts"]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?")
_ROLLSITE = "FATE 2 has no rollsite; the chart makes nothing of it, and the cluster has no proxy."
_PORTS = ("nodePort", "httpNodePort", "grpcNodePort", "httpsNodePort")


def check_cluster(document: ClusterDocument) -> list[ClusterProblem]:
    """Return what is wrong with a cluster.yaml, the fatal first."""
    checks: Sequence[Callable[[ClusterDocument], Iterable[ClusterProblem]]] = (
        _names, _keys, _modules, _engines, _hosts, _ports, _habits,
    )  # fmt: skip
    found = list(dict.fromkeys(problem for check in checks for problem in check(document)))
    return sorted(found, key=lambda problem: not problem.fatal)


def refuse_problems(problems: Iterable[ClusterProblem]) -> None:
    """Refuse a document with fatal problems.

    :raises FateInputError: names all of them.
    """
    fatal = [str(problem) for problem in problems if problem.fatal]
    if fatal:
        raise FateInputError(
            "The cluster.yaml would not become what it says:\n" + "\n".join(f"- {problem}" for problem in fatal),
            hint="Correct it, or pass strict=False to send it as it is.",
        )


def taken_hosts(document: ClusterDocument, others: Iterable[ClusterDocument]) -> list[ClusterProblem]:
    """Return names of Ingresses that other clusters of the same Kubernetes have already."""
    mine = {name: module for module, names in hosts_of(document).items() for name in names}
    found = []
    for other in others:
        if (other.name, other.namespace) == (document.name, document.namespace):
            continue
        for names in hosts_of(other).values():
            found += [
                ClusterProblem(
                    f"ingress.{mine[name]}.hosts",
                    f"{name!r} belongs to cluster {other.name!r} in namespace {other.namespace!r} already, and "
                    "Ingresses of one name answer for each other.",
                    f"Write a name of its own, such as party{document.party_id}.{name.partition('.')[0]}.example.com.",
                )
                for name in names
                if name in mine
            ]
    return found


def _names(document: ClusterDocument) -> Iterator[ClusterProblem]:
    for key in ("name", "namespace"):
        value = str(document.values[key])
        if not _LABEL.fullmatch(value):
            fix = "Write small letters, digits and hyphens, at most 53."
            yield ClusterProblem(key, "Helm and Kubernetes take no such name.", fix, value)
    if not re.fullmatch(r"v\d+\.\d+\.\d+.*", document.version):
        fix = f"Write v{document.version.lstrip('v')}." if re.match(r"v?\d", document.version) else "Write v2.0.0."
        yield ClusterProblem("chartVersion", "KubeFATE's charts have versions like v2.0.0.", fix, document.version)


def _keys(document: ClusterDocument) -> Iterator[ClusterProblem]:
    model = model_of(document.chart, document.version)
    if model is None:
        yield ClusterProblem(
            "chartName",
            f"the keys of chart {document.chart} {document.version} are not known here, and cannot be checked.",
            fatal=False,
        )
        return
    try:
        model.model_validate(document.values, by_alias=True, by_name=False)
    except ValidationError as e:
        for fault in e.errors(include_url=False, include_context=False, include_input=False):
            path = [part for part in fault["loc"] if not _is_branch(part)]
            if fault["type"] == "extra_forbidden":
                yield _unknown(model, path, _value_at(document.values, path))
            else:
                yield ClusterProblem(_written(path), f"{fault['msg']}.", _engine_fix(document, path))


def _unknown(model: type[BaseModel], path: Sequence[Any], value: Any) -> ClusterProblem:
    key, field = str(path[-1]), _written(path)
    if path == ["rollsite"] and getattr(model, "known_modules", ())[:1] == ("osx",):
        return ClusterProblem(field, _ROLLSITE, "Call the section osx.")
    near = difflib.get_close_matches(key, _keys_at(model, path[:-1]), n=1, cutoff=0.7)
    fix = f"Did you mean {near[0]!r}?" if near else "Take it away, or correct where it stands."
    # `istio: {enabled: false}` says what would be so without it.
    says_something = value not in (None, False, "", [], {}, {"enabled": False})
    reason = "the chart knows no such key, and Helm would ignore it."
    return ClusterProblem(field, reason, fix, fatal=says_something)


def _value_at(values: Any, path: Sequence[Any]) -> Any:
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return True
    return values


def _keys_at(model: Any, path: Sequence[Any]) -> list[str]:
    for part in path:
        if isinstance(part, int):
            continue
        fields = getattr(model, "model_fields", {})
        info = next((info for name, info in fields.items() if part in (name, info.alias)), None)
        model = _model_in(info.annotation) if info else None
    return [info.alias or name for name, info in getattr(model, "model_fields", {}).items()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, list) or get_args(annotation):
        return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
    return None


def _modules(document: ClusterDocument) -> Iterator[ClusterProblem]:
    model = model_of(document.chart, document.version)
    known = model.known_modules if model else ()
    if not document.modules:
        yield ClusterProblem("modules", "nothing would be installed.", "List the modules.")
    for module in document.modules if known else ():
        if module == "rollsite" and "rollsite" not in known:
            yield ClusterProblem("modules", _ROLLSITE, "Write osx instead.", module)
        elif module not in known:
            near = difflib.get_close_matches(module, known, n=1)
            fix = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
            yield ClusterProblem("modules", "the chart has no such module, and Helm would ignore it.", fix, module)
    for section in document.values:
        if section in known and section not in document.modules:
            reason = "is described, but not among the modules: it will not be installed."
            yield ClusterProblem(section, reason, fatal=False)
    if len(set(document.modules)) < len(document.modules):
        yield ClusterProblem("modules", "names a module twice.", fatal=False)


def _engines(document: ClusterDocument) -> Iterator[ClusterProblem]:
    if document.chart != "fate" or model_of(document.chart, document.version) is None:
        return
    modules, values = set(document.modules), document.values
    computing, federation = values.get("computing", "Eggroll"), values.get("federation")
    old = document.version.startswith("v1.")
    proxy = "rollsite" if old else "osx"
    if federation in (None, "OSX", "Eggroll") and proxy not in modules:
        reason = f"there is no {proxy}: no other party can be reached, and KubeFATE still says Success."
        yield ClusterProblem("modules", reason, f"Add {proxy}.")
    for engine in ("Pulsar", "RabbitMQ"):
        name = engine.lower()
        if federation == engine and name not in modules and not document.section("python").get(name):
            fix = f"Add {name}, or name another one in python.{name}."
            yield ClusterProblem("modules", f"federation is {engine}, and there is none.", fix)
    if not old and document.section("osx").get("exchange"):
        yield ClusterProblem(
            "osx.exchange",
            "the chart of FATE 2.0 makes nothing of it: its proxy has no default route.",
            "List each party in osx.partyList with the exchange's address; ClusterFederation does.",
        )
    if computing == "Eggroll":
        for needed in ("clustermanager", "nodemanager"):
            if "python" in modules and needed not in modules:
                yield ClusterProblem("modules", f"computing is Eggroll, and there is no {needed}.", f"Add {needed}.")
    if computing != "Eggroll" and values.get("storage", "Eggroll") == "Eggroll":
        fix = "Write HDFS, or LocalFS with Spark_local."
        yield ClusterProblem("storage", f"EggRoll's storage needs EggRoll, and computing is {computing}.", fix)
    if "python" in modules and "mysql" not in modules and not values.get("externalMysqlIp"):
        yield ClusterProblem("modules", "FATE-Flow needs a database.", "Add mysql, or give externalMysqlIp.")


def _hosts(document: ClusterDocument) -> Iterator[ClusterProblem]:
    seen: dict[str, str] = {}
    for module, names in hosts_of(document).items():
        for name in names:
            if seen.setdefault(name, module) != module:
                yield ClusterProblem(f"ingress.{module}.hosts", f"{name!r} is the name of {seen[name]}, too.")
        if names == [DEFAULT_HOSTS[module]]:
            yield ClusterProblem(
                f"ingress.{module}",
                f"is not given, so that its name is {names[0]}, as in every other cluster.",
                f"Write hosts: [{{name: party{document.party_id}.{names[0]}}}].",
                fatal=False,
            )


def _ports(document: ClusterDocument) -> Iterator[ClusterProblem]:
    seen: dict[object, str] = {}
    for module in document.modules:
        section = document.section(module)
        for key in _PORTS:
            port = section.get(key)
            if port is None or section.get("type") not in ("NodePort", "LoadBalancer"):
                continue
            field = f"{module}.{key}"
            if port in seen:
                yield ClusterProblem(field, f"is the port of {seen[port]}, too.", value=port)
            seen[port] = field
            if isinstance(port, int) and not 30000 <= port <= 32767:
                reason = "Kubernetes gives ports from 30000 to 32767, unless it was told otherwise."
                yield ClusterProblem(field, reason, value=port, fatal=False)


def _habits(document: ClusterDocument) -> Iterator[ClusterProblem]:
    if document.section("podSecurityPolicy").get("enabled"):
        reason = "Kubernetes 1.25 and newer know no PodSecurityPolicy, and the installation fails there."
        yield ClusterProblem("podSecurityPolicy.enabled", reason, "Write false.", True, fatal=False)
    if document.chart == "fate" and "python" in document.modules and not document.values.get("persistence"):
        reason = "data, models and jobs are lost when a pod is replaced."
        yield ClusterProblem("persistence", reason, "Write true for a cluster that is to stay.", False, fatal=False)
    board = document.section("fateboard")
    if "fateboard" in document.modules and board.get("password") in (None, "admin"):
        yield ClusterProblem("fateboard.password", "is the one that everybody knows.", "Give one.", fatal=False)
    if "client" in document.modules and not document.section("client").get("notebook_hashed_password"):
        reason = "is not given: whoever reaches the notebook may use it."
        yield ClusterProblem("client.notebook_hashed_password", reason, fatal=False)


def _engine_fix(document: ClusterDocument, path: Sequence[Any]) -> str:
    if path == ["federation"] and document.values.get("federation") == "Eggroll":
        return "In FATE 2 it is called OSX."
    return ""


def _is_branch(part: object) -> bool:
    """Pydantic names the member of a union that it has tried; that is no key."""
    return isinstance(part, str) and ("[" in part or part in ("int", "str"))


def _written(path: Sequence[Any]) -> str:
    return ".".join(str(part) for part in path)
