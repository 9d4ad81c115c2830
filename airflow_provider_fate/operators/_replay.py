"""Jobs of code that runs several, one with the model of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.operators.job import FateJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.jobs.pipeline.replay import EarlierJob, Outputs
    from airflow_provider_fate.remote.kinds.fate_job import Document
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
    from airflow_provider_fate.site.session import SiteSession


class ReplayedJobOperator(FateJobOperator):
    """Run one job of code that may run several: its first, or the one after those that ran before.

    The code runs anew for each job. It is told the ids of the jobs before, so that ``fit()`` and ``predict()`` of these
    give back what they gave then, and ends at the first one whose job has not been run. When the job has succeeded, the
    code runs on to its next job or to its end, with what it prints in the log.
    """

    after: Any = ()

    def compiled(
        self, context: Context, earlier: Sequence[EarlierJob], outputs: Outputs | None
    ) -> Mapping[str, Any] | None:
        """The DAG of the code's next job; ``None``: it has run all of them."""
        raise NotImplementedError

    def runs_on(self) -> bool:
        """Whether there may be code after the job."""
        raise NotImplementedError

    def request(self, context: Context) -> Document:
        """Check the arguments; what was run before has to be asked for at the site."""
        before, inherit = self.ran_before(), self._inherits_from()
        return lambda session: self._checked(self._next(context, session, before), session, inherit)

    def ran_before(self) -> list[str]:
        """Ids of the jobs that the code has run before.

        :raises FateInputError: ``after`` names none.
        """
        given: Any = self.after or ()
        each = [given] if isinstance(given, str | Mapping) else given
        found = []
        for one in each:
            job_id = one.get("job_id") if isinstance(one, Mapping) else one
            if not isinstance(job_id, str) or not job_id.isalnum():
                raise FateInputError(
                    f"after={given!r} names no job.",
                    hint="Give the results of the tasks that have run the earlier jobs of the same code, in their "
                    "order: after=[fit.output].",
                )
            found.append(job_id)
        return found

    def _next(self, context: Context, session: SiteSession, before: Sequence[str]) -> Mapping[str, Any]:
        dag = self._replayed(context, session, before)
        if dag is None:
            raise FateInputError(
                f"The code has no job after its {len(before)}: it has ended.", hint="Take this task out of the DAG."
            )
        return dag

    def _replayed(self, context: Context, session: SiteSession, before: Sequence[str]) -> Mapping[str, Any] | None:
        from airflow_provider_fate.site.earlier import earlier_job, outputs_of

        earlier = [earlier_job(session, job_id) for job_id in before]
        with TemporaryDirectory(prefix="fate-outputs-") as folder:
            return self.compiled(context, earlier, outputs_of(session, earlier, Path(folder)))

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
        """Run the code on, with the job that has succeeded."""
        result = super().result(ref, found, context)
        if not self.runs_on():
            return result
        try:
            with self.session() as session:
                more = self._replayed(context, session, [*self.ran_before(), ref.job_id]) is not None
        except FateInputError as e:
            # The same code fails in the same way, and a retry would run the job again.
            raise AirflowFailException(
                f"Job {ref.job_id} has succeeded; what the code does after it has not.\n{e}"
            ) from None
        if more:
            self.log.info("The code goes on with another job: run it by a task with after=[..., this one's output]")
        return result | {"more": more}
