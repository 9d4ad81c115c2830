"""Run a fate-client script that exists already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators.job import FateJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class FatePipelineOperator(FateJobOperator):
    """Run the job of a fate-client pipeline script, unchanged.

    The script runs in an environment of its own up to its first ``fit()`` or ``predict()``; the job that this would
    have submitted is run by this task instead, on the site of ``fate_conn_id``. What follows in the script is not run.
    For a function in the DAG file, use ``@task.fate_pipeline``.

    :param script: path of the script on the worker. (templated)
    :param script_args: its command line. (templated)
    :param python: interpreter of an environment that has fate-client 2.2; default: a small environment that is made on
        first use and kept in the user's cache. (templated)
    :param requirements: further packages for that environment, such as ``["torch"]``, which the neural network
        components need.
    :param kwargs: all else is as with :class:`~airflow_provider_fate.operators.job.FateJobOperator`.
    :raises AirflowFailException: the script fails, with its traceback; or its job cannot run.
    """

    template_fields: Sequence[str] = ("script", "script_args", "python", "fate_conn_id", "inherit", "log_archive")
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        script: str | Path,
        script_args: Sequence[str] = (),
        python: str | None = None,
        requirements: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(job={}, **kwargs)
        self.script = script
        self.script_args = script_args
        self.python = python
        self.requirements = requirements

    def job_dag(self, context: Context) -> Mapping[str, Any]:
        """The DAG of the job that the script would submit first."""
        from airflow_provider_fate.jobs.pipeline import PipelineEnvironment, compile_script

        environment = PipelineEnvironment(python=self.python, extra_requirements=tuple(self.requirements))
        return compile_script(self.script, list(self.script_args), environment=environment)
