"""Who asks for a piece of work: the Airflow task instance, as an opaque key.

FATE-Flow has no idempotency key and every party can read a job's configuration, so the key is a digest: it names
neither the DAG nor the deployment, and the same task instance always has the same one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context


def key_of(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Digest of a task instance of this deployment (``[fate] deployment_id``)."""
    from airflow.providers.common.compat.sdk import conf

    name = [conf.get("fate", "deployment_id", fallback=""), dag_id, run_id, task_id, map_index]
    return hashlib.sha256(json.dumps(name).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class WorkIdentity:
    """Identity of the work that one task instance asks for.

    :param key: digest of deployment, DAG, run, task and map index; equal in every try of the task instance.
    :param epoch: changes when a user clears the task, not when Airflow retries it. Work of an older epoch belongs to
        the past: it is never re-attached to.
    :param try_number: which try asks; not part of the identity.
    """

    key: str
    epoch: int
    try_number: int = 1

    @classmethod
    def of(cls, context: Context) -> WorkIdentity:
        """Identity of the task instance that runs in this context."""
        ti = context["ti"]
        key = key_of(ti.dag_id, ti.run_id, ti.task_id, ti.map_index if ti.map_index is not None else -1)
        # Clearing a task sets max_tries to try_number + retries; a retry leaves it alone.
        return cls(key=key, epoch=int(ti.max_tries or 0), try_number=ti.try_number)
