"""Registered models: versions of a name that never change, and aliases (champion, challenger) that point at one.

:class:`Registry` is what all of them can do, and :func:`open_registry` finds the one that a DAG names:

- a folder, also on object storage (:class:`ModelRegistry`): a site needs no further server. What several writers agree
  by is that a record is made once and never written over (:mod:`airflow_provider_fate.storage.records`): a version is a
  record, and so is each move of an alias, so that of two moves at once one wins, and all that ever was can be read;
- MLflow 3 (:mod:`.mlflow`);
- Kubeflow Model Registry (:mod:`.kubeflow`).
"""

from airflow_provider_fate.models.registry.interface import Registry
from airflow_provider_fate.models.registry.opening import open_registry
from airflow_provider_fate.models.registry.records import AliasMove, ModelVersion, RegisteredModel
from airflow_provider_fate.models.registry.store import ModelRegistry

__all__ = ["AliasMove", "ModelRegistry", "ModelVersion", "RegisteredModel", "Registry", "open_registry"]
