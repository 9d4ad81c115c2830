"""Registered models: versions of a name that never change, and aliases (champion, challenger) that point at one.

A registry is a folder, also on object storage: a site needs no further server. What several writers agree by is that a
record is made once and never written over (:mod:`airflow_provider_fate.storage.records`): a version is a record, and so
is each move of an alias, so that of two moves at once one wins, and all that ever was can be read.
"""

from airflow_provider_fate.models.registry.records import AliasMove, ModelVersion, RegisteredModel
from airflow_provider_fate.models.registry.store import ModelRegistry

__all__ = ["AliasMove", "ModelRegistry", "ModelVersion", "RegisteredModel"]
