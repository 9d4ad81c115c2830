"""What commands about clusters have in common: the connection, and a cluster by its name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_fate.cli.command import fail

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubefate import ClusterRecord, KubefateClient


@contextmanager
def opened(conn_id: str) -> Iterator[KubefateClient]:
    """A client of the KubeFATE that a connection names."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_provider_fate.hooks.hook import read_connection
    from airflow_provider_fate.hooks.kubefate import KubefateService

    # Airflow looks into its database only in processes that say they may; its own `connections` commands do likewise.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        service = read_connection(KubefateService, conn_id)
    except AirflowNotFoundException:
        fail(
            f"Airflow has no connection {conn_id!r}, or cannot read it. Add it with 'airflow connections add "
            f"{conn_id} --conn-type kubefate ...', or name another one."
        )
    with service.client() as client:
        yield client


def named_cluster(kubefate: KubefateClient, name: str, namespace: str | None) -> ClusterRecord:
    """The cluster of a name; its namespace may be left out where there is one only."""
    found = [one for one in kubefate.clusters.list() if one.name == name and namespace in (None, one.namespace)]
    if len(found) > 1:
        places = ", ".join(sorted(one.namespace for one in found))
        fail(f"There are clusters {name!r} in several namespaces ({places}). Give --namespace.")
    if not found:
        where = f" in namespace {namespace!r}" if namespace else ""
        fail(f"KubeFATE has no cluster {name!r}{where}. 'airflow fate clusters list' shows what it has.")
    return found[0]
