"""Start and stop what one party serves of a split model."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.hooks.split import SplitService
    from airflow_provider_fate.local.services import ServiceSpec
    from airflow_provider_fate.serving.split.document import SplitPart
    from airflow_provider_fate.serving.split.settings import SplitListener

PROGRAM = "airflow_provider_fate.serving.split"


class FateSplitServeOperator(BaseOperator):
    """Start this party's service of a split model on the machine of the worker, and leave it running.

    A host's service answers the guest's; the guest's service answers clients, with the hosts' help. It is watched over,
    started again when it dies, and outlives the task, the worker and Airflow. One that runs already with the same part
    and settings is left alone; one with others is replaced. It starts with a part that was signed off, and with no
    other.

    :param part: the result of ``FateSplitPartOperator``, or the place of its ``split.json``. (templated)
    :param signed_off: checksum of the part, as this party's people have approved it. (templated)
    :param split_conn_id: connection of this service: where it listens, its secret, its certificate. (templated)
    :param features: the result of ``FateSplitFeaturesOperator``, or its file; at the guest it may be left out: then
        clients send the guest's columns with the ids. (templated)
    :param hosts: at the guest: connections to the services of the hosts, by party id. (templated)
    :param name: of the service on this machine, and at the guest of the model that clients ask for. (templated)
    :param start_timeout: seconds until it has to answer.
    :returns: ``{"service", "url", "model", "role", "party_id", "job_id", "sha256", "log"}`` as XCom; ``url`` is what
        clients of the guest post rows to.
    :raises AirflowFailException: the part is not signed off, a connection is missing or open to others without TLS, or
        the service does not come up. Not retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("part", "signed_off", "split_conn_id", "features", "hosts", "name")

    def __init__(
        self,
        *,
        part: str | Mapping[str, Any],
        signed_off: str,
        split_conn_id: str,
        features: str | Mapping[str, Any] | None = None,
        hosts: Mapping[str, str] | None = None,
        name: str = "split-scoring",
        start_timeout: float = 120.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.part = part
        self.signed_off = signed_off
        self.split_conn_id = split_conn_id
        self.features = features
        self.hosts = hosts
        self.name = name
        self.start_timeout = start_timeout

    def execute(self, context: Context) -> dict[str, Any]:
        """Check, then start."""
        from airflow_provider_fate.errors import FateConfigError
        from airflow_provider_fate.hooks.hook import read_connection
        from airflow_provider_fate.hooks.split import SplitService
        from airflow_provider_fate.local.errors import LocalFateError
        from airflow_provider_fate.local.services import LocalService
        from airflow_provider_fate.operators._split import not_retried, part_given

        with not_retried():
            part = part_given(self.part)
            self._require_consent(part)
            connection = read_connection(SplitService, self.split_conn_id)
            try:
                service = LocalService(self.name)
                service.start(self._spec(part, connection), self.log.info, timeout=self.start_timeout)
            except LocalFateError as error:
                raise FateConfigError(str(error)) from None
        root = connection.settings().root_url
        url = f"{root}/v2/models/{self.name}/infer" if part.role == "guest" else root
        self.log.info("%s serves %s at %s; its log is %s", part.who, part.model, url, service.log)
        return {
            "service": self.name,
            "url": url,
            "model": self.name if part.role == "guest" else None,
            "role": part.role,
            "party_id": part.party_id,
            "job_id": part.model.job_id,
            "sha256": part.sha256,
            "log": str(service.log),
        }

    def _require_consent(self, part: SplitPart) -> None:
        from airflow_provider_fate.errors import FateConsentError

        if str(self.signed_off).strip().lower() != part.sha256:
            raise FateConsentError(
                f"{part.who} has not signed off its part (sha256 {part.sha256}); signed_off is {self.signed_off!r}.",
                hint="Let its people read the terms (FateApprovalOperator(body=part.output['terms'])), and give the "
                "checksum that they have approved.",
            )
        if part.terms.ended():
            raise FateConsentError(
                f"The consent of {part.who} has ended at {part.terms.until}.", hint="Have new terms signed off."
            )

    def _spec(self, part: SplitPart, connection: SplitService) -> ServiceSpec:
        import json

        from airflow_provider_fate.local.paths import import_path
        from airflow_provider_fate.local.services import ServiceSpec
        from airflow_provider_fate.serving.split.settings import PART, SECRETS, SETTINGS, SplitServiceSettings

        peers, secrets = self._peers(part)
        settings = SplitServiceSettings(
            name=self.name,
            signed_off=part.sha256,
            features=self._features(part),
            listen=_listener(connection),
            peers=peers,
        )
        return ServiceSpec(
            command=[sys.executable, "-m", PROGRAM, "{files}", "{port}", "{folder}/work"],
            env={"PYTHONPATH": import_path(), "PYTHONUNBUFFERED": "1"},
            files={
                SETTINGS: settings.model_dump_json(indent=1) + "\n",
                SECRETS: json.dumps(secrets, indent=1) + "\n",
                PART: part.to_bytes().decode(),
            },
            port=connection.port,
            # Over TLS it is enough that it takes connections: the watcher has no certificate to show.
            health=None if connection.speaks_tls else "/health" if part.role == "host" else "/v2/health/ready",
        )

    def _features(self, part: SplitPart) -> str | None:
        from pathlib import Path

        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.serving.split.features import FeatureFile

        given: Any = self.features
        path = given.get("features") if isinstance(given, Mapping) else given
        if path in (None, "", "None"):
            if part.role == "host":
                raise FateInputError(
                    "A host needs features: its rows.", hint="Give the result of a FateSplitFeaturesOperator."
                )
            return None
        FeatureFile(Path(str(path)), part.columns)
        return str(Path(str(path)).absolute())

    def _peers(self, part: SplitPart) -> tuple[dict[str, Any], dict[str, str]]:
        """Where the services of the hosts are, and their secrets."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.hooks.hook import read_connection
        from airflow_provider_fate.hooks.split import SplitService
        from airflow_provider_fate.serving.split.settings import SplitPeer

        hosts: Any = self.hosts or {}
        if part.role == "host":
            if hosts:
                raise FateInputError("hosts is given at a host.", hint="Only the guest's service asks the hosts.")
            return {}, {}
        if not isinstance(hosts, Mapping) or set(hosts) != set(part.hosts):
            raise FateInputError(
                f"hosts={hosts!r}, and the model has the hosts {', '.join(part.hosts)}.",
                hint="Give a connection for each: hosts={'10000': 'split_10000'}.",
            )
        peers: dict[str, Any] = {}
        secrets: dict[str, str] = {}
        for party_id, conn_id in hosts.items():
            one = read_connection(SplitService, str(conn_id))
            peers[str(party_id)] = SplitPeer(
                host=one.host,
                port=one.port,
                tls=one.speaks_tls,
                verify=one.verify is not False,
                ca_file=one.ca_file,
                cert_file=one.cert_file,
                key_file=one.key_file,
                timeout=one.timeout or 10.0,
            )
            if one.secret:
                secrets[str(party_id)] = one.secret
        return peers, secrets


def _listener(connection: SplitService) -> SplitListener:
    """Where the service listens, and whom it lets in."""
    from pydantic import ValidationError

    from airflow_provider_fate.errors import FateConfigError
    from airflow_provider_fate.serving.split.settings import SplitListener, secret_digest

    tls = connection.speaks_tls
    try:
        return SplitListener(
            host="127.0.0.1" if connection.is_local else "0.0.0.0",  # noqa: S104 - opened by the connection, over TLS
            secret_sha256=secret_digest(connection.secret) if connection.secret else None,
            cert_file=connection.cert_file if tls else None,
            key_file=connection.key_file if tls else None,
            client_ca_file=connection.ca_file if tls else None,
        )
    except ValidationError as error:
        raise FateConfigError(
            f"Connection {connection.conn_id!r} opens no service: {error.errors()[0]['msg']}.",
            hint="Edit it under Admin > Connections: secret, certificate file and key file.",
        ) from None


class FateSplitStopOperator(BaseOperator):
    """Stop a service of split scoring on the machine of the worker: who asks it is told from then on that it is down.

    :param service: the result of ``FateSplitServeOperator``, or the service's name. (templated)
    :param remove: delete its folder, too: log, settings, and how many rows were answered today.
    :returns: whether there was anything to stop.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("service",)

    def __init__(self, *, service: str | Mapping[str, Any], remove: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.remove = remove

    def execute(self, context: Context) -> bool:
        """Stop it."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.local.errors import LocalFateError, StopError
        from airflow_provider_fate.local.services import LocalService
        from airflow_provider_fate.operators._split import not_retried

        with not_retried():
            name: Any = self.service.get("service") if isinstance(self.service, Mapping) else self.service
            try:
                service = LocalService(str(name))
            except LocalFateError as error:
                raise FateInputError(f"service={self.service!r}: {error}") from None
        try:
            stopped = service.remove() if self.remove else service.stop()
        except StopError as error:
            self.log.warning("%s", error)
            raise
        self.log.info("%s %s", name, "is stopped" if stopped else "did not run")
        return stopped
