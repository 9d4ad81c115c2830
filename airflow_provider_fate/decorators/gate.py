"""``@task.fate_gate``: the function returns what is to be judged, the task judges it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_fate.operators.gate import FateQualityGateOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskDecorator
    from airflow.sdk import Context

_ARGUMENTS = ("metrics", "bounds", "challenger", "champion", "compare")


class _FateGateOperator(DecoratedOperator, FateQualityGateOperator):
    """Judges what the function returns."""

    custom_operator_name = "@task.fate_gate"
    template_fields: Sequence[str] = ("op_args", "op_kwargs", *FateQualityGateOperator.template_fields)
    template_fields_renderers = {  # noqa: RUF012 - declared like this by Airflow
        "op_args": "py",
        "op_kwargs": "py",
        **FateQualityGateOperator.template_fields_renderers,
    }

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("multiple_outputs", None)
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, **kwargs)

    def gather(self, context: Context) -> None:
        """Call the function, with its arguments from the context as for any ``@task``."""
        from airflow_provider_fate.errors import FateInputError

        context_merge(context, self.op_kwargs)
        arguments = determine_kwargs(self.python_callable, self.op_args, context)
        returned = self.python_callable(*self.op_args, **arguments)
        if not isinstance(returned, Mapping):
            raise FateInputError(
                f"{self.python_callable.__name__} has returned {type(returned).__name__}, and not a mapping.",
                hint=f"Return metrics, such as {{'auc': 0.8}}, or some of {', '.join(_ARGUMENTS)} by their names.",
            )
        given = dict(returned) if returned and set(returned) <= set(_ARGUMENTS) else {"metrics": dict(returned)}
        for name, value in given.items():
            setattr(self, name, value)


def fate_gate_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Judge the figures or scores that a function returns.

    A function returns metrics, ``{"auc": 0.8}``, or arguments of
    :class:`~airflow_provider_fate.operators.gate.FateQualityGateOperator` by their names: ``metrics``, ``bounds``,
    ``challenger``, ``champion``, ``compare``. Scores may then also be in memory: a table of pyarrow, a data frame, or a
    mapping of columns. Arguments of the decorator are those of the operator; what the function returns comes first.

    :param python_callable: the decorated function.
    :param kwargs: arguments of the operator.
    """
    return task_decorator_factory(python_callable=python_callable, decorated_operator_class=_FateGateOperator, **kwargs)
