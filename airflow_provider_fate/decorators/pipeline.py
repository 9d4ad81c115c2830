"""``@task.fate_pipeline``: the function returns a fate-client pipeline, its job runs as any other."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    SET_DURING_EXECUTION,
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_fate.operators._replay import ReplayedJobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskDecorator
    from airflow.sdk import Context

    from airflow_provider_fate.jobs.pipeline.replay import EarlierJob, Outputs


class _FatePipelineOperator(DecoratedOperator, ReplayedJobOperator):
    """Compiles the pipeline that the function returns, and runs its job.

    :param after: results of the tasks that have run the earlier jobs of the same function. (templated)
    :param python: interpreter of an environment that has fate-client; default: a small environment that is made on
        first use and kept in the user's cache.
    :param requirements: further packages for that environment, such as ``["torch"]``, which the neural network
        components need.
    """

    custom_operator_name = "@task.fate_pipeline"
    template_fields: Sequence[str] = ("op_args", "op_kwargs", "after", "fate_conn_id", "python", "inherit")
    template_fields_renderers = {"op_args": "py", "op_kwargs": "py", "job": "yaml"}  # noqa: RUF012

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        after: Any = (),
        python: str | None = None,
        requirements: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        kwargs.pop("multiple_outputs", None)
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            job=SET_DURING_EXECUTION,
            **kwargs,
        )
        self.after = after
        self.python = python
        self.requirements = requirements

    def compiled(
        self, context: Context, earlier: Sequence[EarlierJob], outputs: Outputs | None
    ) -> Mapping[str, Any] | None:
        """The DAG of the function's next job; its arguments are taken from the context, as for any ``@task``."""
        from airflow_provider_fate.jobs.pipeline import PipelineEnvironment, compile_function

        context_merge(context, self.op_kwargs)
        arguments = determine_kwargs(self.python_callable, self.op_args, context)
        environment = PipelineEnvironment(python=self.python, extra_requirements=tuple(self.requirements))
        return compile_function(
            self.python_callable,
            list(self.op_args),
            dict(arguments),
            environment=environment,
            earlier=earlier,
            outputs=outputs,
        )

    def runs_on(self) -> bool:
        """One that calls ``fit()`` itself may; most return the pipeline."""
        return bool(_RUNS.search(inspect.getsource(self.python_callable)))


_RUNS = re.compile(r"\.(fit|predict)\(")


def fate_pipeline_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Run the fate-client pipeline that a function returns as a job of a FATE site.

    The function is compiled in an environment of its own, because fate-client cannot be installed beside Airflow: it
    has to import what it uses inside, and its arguments have to be JSON. It returns a ``FateFlowPipeline``; all else is
    as with :class:`~airflow_provider_fate.operators.job.FateJobOperator`, whose arguments are accepted too.

    A function that calls ``fit()`` and then, with the model, ``predict()`` has two jobs. A task runs the first one, and
    ``predict = train.override(task_id="predict", after=[fitted])(...)`` the second; see
    :class:`~airflow_provider_fate.operators.pipeline.FatePipelineOperator`.

    :param python_callable: the decorated function.
    :param kwargs: arguments of the operator, ``after``, and ``python`` or ``requirements`` for the environment.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_FatePipelineOperator, **kwargs
    )
