"""Register an environment of a site that tasks of jobs can run in, and forget it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.site.providers import Registration
    from airflow_provider_fate.site.session import SiteSession


class FateProviderOperator(FateSiteOperator):
    """Register a provider at a FATE site: an environment in which tasks of jobs run that name it.

    FATE-LLM, a newer torch, or FATE with a defect repaired can so stand beside the environment of FATE-Flow. A job
    names it by ``HomoLLM(provider="fate:2.2.0-llm@local")``, or by ``conf.provider`` of a task. Every party of the job
    has to have registered it under the same name, so each side runs this task for its own site. FATE-Flow loads the
    components of a provider by its name: one that runs FATE's own components, and those of FATE-LLM are such, has to be
    called ``fate``.

    What the server can see is checked and read back: whether path and executable exist. Whether the environment holds
    what a job needs shows when the first one runs. A task that runs again, and finds the provider as it is described,
    changes nothing.

    :param provider: ``name:version@device``, such as ``"fate:2.2.0-llm@local"``; the device is ``local``, ``docker`` or
        ``k8s``. (templated)
    :param path: for ``local``: folder on the server that is put before the packages of the environment; an empty one
        will do. One folder, no list. (templated)
    :param venv: for ``local``: Python executable of the environment, on the server; that of FATE-Flow by default.
        (templated)
    :param image: for ``docker`` and ``k8s``: the image. (templated)
    :param base_url: for ``docker``: address of the Docker engine, as seen from the server. (templated)
    :param namespace: for ``k8s``: where the pods are started. (templated)
    :param overwrite: replace a provider of this name that is another one. FATE-Flow itself would without a question.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"provider", "changed"}`` as XCom.
    :raises AirflowFailException: an argument cannot be right, or the name is taken. Not retried.
    :raises FateFileNotFound: a path does not exist on the server.
    :raises FateConflictError: an unfinished job runs by the provider that would be replaced.
    """

    template_fields: Sequence[str] = ("provider", "path", "venv", "image", "base_url", "namespace", "fate_conn_id")

    def __init__(
        self,
        *,
        provider: str,
        path: str | None = None,
        venv: str | None = None,
        image: str | None = None,
        base_url: str | None = None,
        namespace: str | None = None,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.provider = provider
        self.path = path
        self.venv = venv
        self.image = image
        self.base_url = base_url
        self.namespace = namespace
        self.overwrite = overwrite

    def check(self) -> None:
        """Check the name, and what its device needs."""
        self._wanted()

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Register, unless it is registered already."""
        from airflow_provider_fate.site.providers import register

        wanted = self._wanted()
        changed = register(session.client, wanted, overwrite=self.overwrite)
        self.log.info("Provider %s is registered%s", wanted.name, "" if changed else ", as before")
        return {"provider": str(wanted.name), "changed": changed}

    def _wanted(self) -> Registration:
        from airflow_provider_fate.site.providers import Registration

        return Registration.of(
            self.provider,
            path=self.path,
            venv=self.venv,
            image=self.image,
            base_url=self.base_url,
            namespace=self.namespace,
        )


class FateDeleteProviderOperator(FateSiteOperator):
    """Take a provider away from a FATE site; its files stay where they are.

    Never one by which an unfinished job of the site runs: its next task would fail. Nor one that FATE-Flow registers
    itself whenever it starts. One that is not there is no error, so that the task can be the teardown of
    :class:`FateProviderOperator`.

    :param provider: ``name:version@device``. (templated)
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"provider", "changed"}`` as XCom.
    :raises AirflowFailException: the name cannot be right. Not retried.
    :raises FateConflictError: an unfinished job runs by it.
    """

    template_fields: Sequence[str] = ("provider", "fate_conn_id")

    def __init__(self, *, provider: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.provider = provider

    def check(self) -> None:
        """Check the name."""
        from airflow_provider_fate.site.providers import ProviderName

        ProviderName.parse(self.provider).require_own()

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Forget it."""
        from airflow_provider_fate.site.providers import ProviderName, forget

        name = ProviderName.parse(self.provider)
        changed = forget(session.client, name)
        self.log.info("Provider %s is forgotten" if changed else "There is no provider %s", name)
        return {"provider": str(name), "changed": changed}
