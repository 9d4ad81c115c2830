"""Run a federated job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from airflow_provider_fate.errors import FateJobNotFound, FateModelNotFound
from airflow_provider_fate.operators._partners import FederatedJobOperator
from airflow_provider_fate.operators._templates import TemplateFiles
from airflow_provider_fate.remote.reuse import Reuse

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from airflow_provider_fate.federation import Federation
    from airflow_provider_fate.jobs import Recipe
    from airflow_provider_fate.jobs.recipes.learning import Learning
    from airflow_provider_fate.remote.kinds.fate_job import Document, FateJob
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
    from airflow_provider_fate.site.session import SiteSession


class FateJobOperator(TemplateFiles, FederatedJobOperator):
    """Run a federated job on a FATE site and wait for it without holding a worker.

    The DAG is checked before anything is submitted. The job is submitted once per task instance: a retry after a crash
    attaches to the job that runs; what follows a failure or a clear is yours to choose. It is stopped
    on all parties when the task is killed or a limit passes. When it fails, the log shows every task per party, the
    failing task's error and log, and which side failed.

    :param job: the job: a recipe of :mod:`airflow_provider_fate.jobs`, a mapping, or YAML/JSON text or a template file
        of it, also as exported by FATEBoard or fate-client. (templated)
    :param fate_conn_id: Airflow connection of the site that initiates the job. (templated)
    :param federation: path of a federation file, also relative to the DAG file, or the
        :class:`~airflow_provider_fate.federation.Federation` itself. A job whose parties, components, tables or time
        are not agreed upon there is not submitted.
    :param check_tables: ask the site, before the job is submitted, for the tables that its own party reads.
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default ``[fate] poll_interval``.
    :param wait_for_partners: how long to wait for partners who cannot be reached, have not granted what the job needs,
        or whose table is not there yet; ``None``: such a job fails at once. No worker is held meanwhile.
    :param waiting_timeout: how long the job may queue for resources before it is stopped; ``None``: for ever.
    :param stall_timeout: how long it may run without progress, a change of a task or a new line in the log of a task
        that runs here, before it is stopped; ``None``: for ever. Longer than the longest silent step of a task.
    :param on_retry: what an Airflow retry does about a job that failed: ``new`` runs another one, ``rerun`` lets it go
        on and keeps its finished tasks (where the job's description has changed since: as ``inherit``), ``inherit``
        runs another one that takes over the finished tasks whose description is the same.
    :param on_clear: what a cleared task does about its earlier job: ``new`` stops it and runs another one, ``attach``
        takes it up if it runs or has succeeded, ``rerun`` lets it go on if it has failed, too.
    :param inherit: an earlier job whose finished tasks are taken over instead of being run again, as far as this job
        describes them in the same way (the intersection, the steps before the training): the result of the task that
        ran it, or its id. The parties must be the same. (templated)
    :param log_archive: where to keep the archive of a failed job's logs, ``s3://aws_default@logs/fate``. (templated)
    :param outlets: a :func:`~airflow_provider_fate.assets.model_asset` among them gets ids and metrics with its
        event.
    :returns: ``{"job_id", "model_id", "model_version", "status", "metrics"}`` as XCom. While the job runs,
        ``fate_job`` has ``{"job_id", "role", "party_id", "model_id", "model_version", "url"}``.
    :raises FateJobFailed: a component failed; carries the diagnosis.
    :raises FateJobStopped: somebody else stopped the job.
    :raises FateCreateJobError: a partner did not take the job.
    :raises FatePartnerTimeout: partners were not ready within ``wait_for_partners``.
    :raises FateWaitingTimeout, FateStallTimeout, FateExecutionTimeout: a limit passed; the job was stopped. All of them
        are :class:`~airflow_provider_fate.errors.FateJobTimeout`.
    :raises AirflowFailException: the job or the connection is wrong; says what to change. Not retried.
    """

    template_fields: Sequence[str] = ("job", "fate_conn_id", "inherit", "log_archive")
    template_ext: Sequence[str] = (".yaml", ".yml", ".json")
    template_file_fields: Sequence[str] = ("job",)
    template_fields_renderers = {"job": "yaml"}  # noqa: RUF012 - declared like this by Airflow
    final_errors = (*FederatedJobOperator.final_errors, FateModelNotFound, FateJobNotFound)

    def __init__(
        self,
        *,
        job: Recipe | Mapping[str, Any] | str,
        federation: Federation | str | Path | None = None,
        check_tables: bool = True,
        on_retry: Literal["new", "rerun", "inherit"] = "new",
        on_clear: Literal["new", "attach", "rerun"] = "new",
        inherit: Mapping[str, Any] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow looks for outputs of other tasks in mappings, and not in recipes: it would draw no edge.
        self.job = {"recipe": type(job).__name__, **job.model_dump()} if _has_outputs(job) else job
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.federation = str(federation) if isinstance(federation, Path) else federation
        self.check_tables = check_tables
        self.on_retry = on_retry
        self.on_clear = on_clear
        self.reuse = Reuse.of(on_retry, on_clear)
        self.inherit = inherit

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """As for every operator; outputs of other tasks in a recipe draw their edge here, too."""
        if _has_outputs(job := kwargs.get("job")):
            kwargs["job"] = {"recipe": type(job).__name__, **job.model_dump()}
        return super().partial(**kwargs)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render templates in recipes too, into a new recipe: the one in the DAG may serve several tasks."""
        if hasattr(content, "model_dump"):
            rendered = super().render_template(content.model_dump(), context, jinja_env, seen_oids)
            return type(content).model_validate(rendered)
        return super().render_template(content, context, jinja_env, seen_oids)

    def kind(self) -> FateJob:
        """A federated job."""
        from airflow_provider_fate.remote.kinds.fate_job import FateJob

        return FateJob(self.fate_conn_id, site=self.site(), log_archive=self.log_archive)

    def request(self, context: Context) -> Document:
        """What makes and checks the job, should one have to be submitted."""
        inherit = self._inherits_from()

        def made(session: SiteSession) -> Mapping[str, Any]:
            recipe = self._continuing(context)
            if recipe is None:
                return self._checked(self.job_dag(context), session, inherit)
            return self._checked(self._continued(recipe, session), session, inherit)

        return made

    def job_dag(self, context: Context) -> Mapping[str, Any]:
        """The DAG of the job; called only when a job has to be submitted."""
        from airflow_provider_fate.jobs import load_dag

        return load_dag(self.job)

    def _continuing(self, context: Context) -> Learning | None:
        """The job, where it is a recipe that goes on from an earlier job, which is named by its id."""
        from airflow_provider_fate.jobs.load import load_recipe
        from airflow_provider_fate.jobs.recipes.learning import Learning
        from airflow_provider_fate.jobs.recipes.warm_start import WarmStart

        given: Any = self.job
        # That of a pipeline is not there before it is compiled.
        there = hasattr(given, "model_dump") or (isinstance(given, str | Mapping) and given)
        recipe = load_recipe(given) if there else None
        if not isinstance(recipe, Learning) or not isinstance(asked := recipe.warm_start, WarmStart):
            return None
        if asked.asset is None:
            return recipe
        from airflow_provider_fate.assets import newest_event

        said = newest_event(context, asked.asset)
        found = {"task": asked.task, **{key: said.get(key) for key in ("job_id", "model_id", "model_version")}}
        return type(recipe).model_validate({**recipe.model_dump(), "warm_start": found})

    def _continued(self, recipe: Learning, session: SiteSession) -> Mapping[str, Any]:
        """The DAG of a recipe that goes on from an earlier job."""
        from airflow_provider_fate.jobs.recipes.warm_start import WarmStart
        from airflow_provider_fate.site.warm_start import with_earlier_model

        assert isinstance(recipe.warm_start, WarmStart)
        # FATE gives a model the id of the job that trains it, unless the job asks for another.
        job_id = recipe.warm_start.job_id or str(recipe.warm_start.model_id)
        found = with_earlier_model(session.client, session.site, recipe, job_id, check_tables=self.check_tables)
        self.log.info("The training goes on from job %s", job_id)
        return found.document()

    def _inherits_from(self) -> str | None:
        """Id of the job whose finished tasks are taken over.

        :raises FateInputError: ``inherit`` names none.
        """
        from airflow_provider_fate.errors import FateInputError

        given: Any = self.inherit
        if given in (None, "", "None"):
            return None
        job_id = given.get("job_id") if isinstance(given, Mapping) else given
        if not isinstance(job_id, str) or not job_id.isalnum():
            raise FateInputError(
                f"inherit={given!r} names no job.",
                hint="Give the result of the task that ran it (psi.output), or the id of the job.",
            )
        return job_id

    def _checked(self, dag: Mapping[str, Any], session: SiteSession, inherit: str | None = None) -> Mapping[str, Any]:
        from airflow_provider_fate.hooks.check import verify_party
        from airflow_provider_fate.jobs import require_valid_document

        require_valid_document(dag, party_id=session.site.party_id, cores=session.site.cores)
        if self.federation is not None:
            from airflow_provider_fate.operators._federation import require_agreed

            require_agreed(self.federation, dag, self)
        verify_party(session.site, session.client)
        if self.check_tables:
            from airflow_provider_fate.site.labels import require_fitting_labels
            from airflow_provider_fate.site.tables import require_own_tables

            require_own_tables(session.client, session.site, dag)
            require_fitting_labels(session.client, session.site, dag)
        if inherit is not None:
            from airflow_provider_fate.site.inherit import inherit_from

            return inherit_from(session.client, session.site, dag, inherit)
        return dag

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
        """Ids and metrics."""
        from airflow_provider_fate.site.result import job_result

        with self.session() as session:
            result = job_result(session.client, ref, "success")
        for name, value in result["metrics"].items():
            self.log.info("%s = %s", name, value)
        if self.outlets:
            from airflow_provider_fate.assets import emit_model

            made = {key: result[key] for key in ("job_id", "model_id", "model_version", "metrics")}
            emit_model(context, ref.party_id, made)
        return result


def _has_outputs(job: Any) -> TypeGuard[Recipe]:
    """Whether a recipe names outputs of other tasks."""
    if not hasattr(job, "model_dump"):
        return False
    from airflow_provider_fate.jobs.recipes.templates import find_templates, is_output

    return any(is_output(value) for _, value in find_templates(job.model_dump()))
