"""Notebooks: a JupyterLab whose fate-client speaks to one FATE site.

:class:`NotebookSpec` says what a notebook is; :class:`LocalNotebook` is one on this machine. Knows no Airflow.
"""

from __future__ import annotations

from airflow_provider_fate.notebooks.activity import NotebookActivity
from airflow_provider_fate.notebooks.local import LocalNotebook, local_notebooks
from airflow_provider_fate.notebooks.spec import NotebookSite, NotebookSpec

__all__ = ["LocalNotebook", "NotebookActivity", "NotebookSite", "NotebookSpec", "local_notebooks"]
