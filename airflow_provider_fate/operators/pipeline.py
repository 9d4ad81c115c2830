"""Run a fate-client script that exists already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._replay import ReplayedJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.jobs.pipeline.replay import EarlierJob, Outputs


class FatePipelineOperator(ReplayedJobOperator):
    """Run a job of a fate-client pipeline script, unchanged.

    The script runs in an environment of its own up to its first ``fit()`` or ``predict()``; the job that this would
    have submitted is run by this task instead, on the site of ``fate_conn_id``. When it has succeeded, the script runs
    on, with what it prints (metrics, models and data of the job) in the log. A script that trains and then predicts has
    two jobs, and so two tasks::

        fit = FatePipelineOperator(task_id="fit", script="train_and_predict.py")
        predict = FatePipelineOperator(task_id="predict", script="train_and_predict.py", after=[fit.output])

    Each runs the script from its beginning, and is told the jobs that ran before: it has to build the same pipelines
    each time. For a function in the DAG file, use ``@task.fate_pipeline``.

    :param script: path of the script on the worker. (templated)
    :param script_args: its command line. (templated)
    :param after: results of the tasks that have run the earlier jobs of the script, in their order. (templated)
    :param python: interpreter of an environment that has fate-client 2.2; default: a small environment that is made on
        first use and kept in the user's cache. (templated)
    :param requirements: further packages for that environment, such as ``["torch"]``, which the neural network
        components need.
    :param kwargs: all else is as with :class:`~airflow_provider_fate.operators.job.FateJobOperator`.
    :returns: as :class:`~airflow_provider_fate.operators.job.FateJobOperator`, and ``more``: whether the script goes on
        with another job.
    :raises AirflowFailException: the script fails, with its traceback, before the job or after it; it has no further
        job; or its job cannot run.
    """

    template_fields: Sequence[str] = (
        *("script", "script_args", "after", "python", "fate_conn_id", "inherit", "log_archive"),
    )
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        script: str | Path,
        script_args: Sequence[str] = (),
        after: Any = (),
        python: str | None = None,
        requirements: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(job={}, **kwargs)
        self.script = script
        self.script_args = script_args
        self.after = after
        self.python = python
        self.requirements = requirements

    def compiled(
        self, context: Context, earlier: Sequence[EarlierJob], outputs: Outputs | None
    ) -> Mapping[str, Any] | None:
        """The DAG of the job that the script would submit next."""
        from airflow_provider_fate.jobs.pipeline import PipelineEnvironment, compile_script

        environment = PipelineEnvironment(python=self.python, extra_requirements=tuple(self.requirements))
        return compile_script(
            self.script, list(self.script_args), environment=environment, earlier=earlier, outputs=outputs
        )

    def runs_on(self) -> bool:
        """Scripts do."""
        return True
