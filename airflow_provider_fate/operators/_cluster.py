"""A cluster.yaml given to an operator: rendered only while the task runs, so that Airflow keeps nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.compat import mask_in_logs
from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    import logging

    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk import Context

    from airflow_provider_fate.clusters import ClusterDocument

__all__ = ["checked", "rendered"]

FILES = (".yaml", ".yml", ".json")


def rendered(operator: BaseOperator, given: Any, context: Context) -> ClusterDocument:
    """Read what was given, render its templates, and hide its passwords in logs.

    It is no template field: Airflow shows those, and keeps them in its database.

    :raises FateInputError: it is no cluster.yaml.
    """
    from airflow_provider_fate.clusters import ClusterDocument
    from airflow_provider_fate.clusters.secrets import secret_values

    if isinstance(given, str) and given.endswith(FILES) and "\n" not in given:
        given = _text(operator, given)
    elif not isinstance(given, (str, dict)):
        given = dict(ClusterDocument.of(given).values)
    document = ClusterDocument.of(operator.render_template(given, context, operator.get_template_env()))
    for secret in secret_values(document.values):
        mask_in_logs(secret)
    return document


def checked(document: ClusterDocument, *, strict: bool, log: logging.Logger | Any) -> None:
    """Refuse what is wrong with it, and warn of what may be.

    :raises FateInputError: something is wrong, and ``strict``.
    """
    from airflow_provider_fate.clusters import check_cluster, refuse_problems

    problems = check_cluster(document)
    if strict:
        refuse_problems(problems)
    for problem in problems:
        log.warning("cluster.yaml: %s", problem)


def _text(operator: BaseOperator, path: str) -> str:
    """The file: an absolute path, or one that Airflow finds like any template, beside the DAG."""
    if Path(path).is_absolute():
        file = Path(path)
        if not file.is_file():
            raise FateInputError(f"cluster={path!r} is not a file on this worker.")
        return file.read_text()
    from jinja2 import TemplateNotFound

    environment = operator.get_template_env()
    try:
        assert environment.loader is not None
        return environment.loader.get_source(environment, path)[0]
    except TemplateNotFound:
        raise FateInputError(
            f"cluster={path!r} is found neither beside the DAG nor in its template_searchpath.",
            hint="Give an absolute path, or set template_searchpath of the DAG.",
        ) from None
