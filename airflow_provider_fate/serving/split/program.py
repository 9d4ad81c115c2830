"""The program of a service of split scoring, which knows of no Airflow.

``python -m airflow_provider_fate.serving.split FILES PORT WORK`` serves what the files say.
"""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateConfigError, FateConsentError, FateError
from airflow_provider_fate.serving.split.document import read_split_part
from airflow_provider_fate.serving.split.features import FeatureFile
from airflow_provider_fate.serving.split.settings import PART, SplitServiceSettings, read_service_settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["application", "main"]

log = logging.getLogger(__name__)
_LEDGER = "answered.sqlite"
_LARGEST_HEADERS = 16 << 10
_AT_ONCE = 200
"""Requests at the same time; further ones are told to come back."""


def application(settings: SplitServiceSettings, secrets: dict[str, str], part_file: Path, ledger: Path) -> Starlette:
    """Make the application that settings describe.

    :param secrets: of the hosts, by party id.
    :param part_file: the part.
    :param ledger: where a host counts what it has answered.
    :raises FateConsentError: the party has signed off another part, or none.
    :raises FateError: part, rows or peers do not fit.
    """
    part = read_split_part(part_file)
    if part.sha256 != settings.signed_off:
        raise FateConsentError(
            f"{part.who} has signed off {settings.signed_off}, and this part has {part.sha256}.",
            hint="Have this part approved, with its terms, and give its checksum.",
        )
    features = FeatureFile(Path(settings.features), part.columns) if settings.features is not None else None
    log.info("%s serves %s (%s, sha256 %s)", part.who, part.model, part.component, part.sha256)
    if features is not None:
        log.info("%s has %d rows with %d columns", features.path, features.count, len(features.columns))
    if part.role == "host":
        from airflow_provider_fate.serving.split.host import HostPart
        from airflow_provider_fate.serving.split.host_app import host_app
        from airflow_provider_fate.serving.split.ledger import RowLedger

        if features is None:
            raise FateConfigError("A host needs its rows.", hint="Give the file that FateSplitFeaturesOperator wrote.")
        return host_app(HostPart(part, features, RowLedger(ledger, part.model.job_id, part.terms)), settings.listen)

    from airflow_provider_fate.serving.split.guest_app import guest_app
    from airflow_provider_fate.serving.split.join import SplitScorer
    from airflow_provider_fate.serving.split.peers import HostPeer

    peers = {
        host: HostPeer(host, peer.client_settings(secrets.get(host)), part.model)
        for host, peer in settings.peers.items()
    }
    scorer = SplitScorer(part, features, peers)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            for peer in peers.values():
                await peer.close()

    return guest_app(settings.name, scorer, settings.listen, life)


def main(arguments: Sequence[str]) -> int:
    """Serve until the process is asked to end.

    :param arguments: the folder with the files, the port, and a folder for what it keeps.
    :returns: 2 where it could not be started; says why on standard error.
    """
    import uvicorn

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if len(arguments) != 3 or not arguments[1].isdigit():
        print("Give the folder with the files of the service, its port, and a folder to work in.", file=sys.stderr)
        return 2
    files, port, work = Path(arguments[0]), int(arguments[1]), Path(arguments[2])
    try:
        settings, secrets = read_service_settings(files)
        app = application(settings, secrets, files / PART, work / _LEDGER)
    except FateError as error:
        print(str(error), file=sys.stderr)
        return 2
    listen = settings.listen
    tls: dict[str, Any] = {}
    if listen.cert_file is not None:
        tls = {"ssl_certfile": listen.cert_file, "ssl_keyfile": listen.key_file}
        if listen.client_ca_file is not None:
            tls |= {"ssl_ca_certs": listen.client_ca_file, "ssl_cert_reqs": ssl.CERT_REQUIRED}
    uvicorn.run(
        app,
        host=listen.host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_AT_ONCE,
        h11_max_incomplete_event_size=_LARGEST_HEADERS,
        timeout_graceful_shutdown=10,
        **tls,
    )
    return 0
