"""Small split models, the rows of their parties, and services of them in threads."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_fate.data.source import FileSource
from airflow_provider_fate.models.package import ModelPackage
from airflow_provider_fate.serving.split.document import SplitPart, SplitTerms
from airflow_provider_fate.serving.split.features import FeatureFile, write_features
from airflow_provider_fate.serving.split.host import HostPart
from airflow_provider_fate.serving.split.host_app import host_app
from airflow_provider_fate.serving.split.join import SplitScorer
from airflow_provider_fate.serving.split.ledger import RowLedger
from airflow_provider_fate.serving.split.make import split_part_of
from airflow_provider_fate.serving.split.peers import HostPeer
from airflow_provider_fate.serving.split.settings import SplitListener, SplitPeer, secret_digest
from tests.support.asgi import served
from tests.unit.models.test_convert import GUEST, HOST, ROWS, both, estimator

SECRET = "a-secret-of-the-host-that-is-long-enough"
IDS = [f"p{number:03}" for number in range(200)]
LISTENER = SplitListener(host="127.0.0.1", secret_sha256=secret_digest(SECRET))


def write_rows(path: Path, columns: Sequence[str], ids: Sequence[str] = IDS, **changed: Any) -> Path:
    """A party's raw rows, of the columns of ``ROWS``."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", *columns])
        writer.writerows([who, *(repr(ROWS[c][IDS.index(who)]) for c in columns)] for who in ids)
    return path


def features_of(part: SplitPart, folder: Path, ids: Sequence[str] = IDS) -> FeatureFile:
    """The rows of a party as its service has them."""
    source = write_rows(folder / f"{part.site_name}.csv", part.columns, ids)
    target = folder / f"{part.site_name}.features"
    write_features(FileSource.of_path(source), target, part.columns, id_column="id", may_miss=part.may_miss)
    return FeatureFile(target, part.columns)


def linear_packages(folder: Path, component: str = "sshe_lr", **arguments: Any) -> list[ModelPackage]:
    """The packages of a linear model: the guest has a and b, the host c and d."""
    parts = ({"data": {"estimator": estimator(GUEST, 0.5)}}, {"data": {"estimator": estimator(HOST, None)}})
    return both(folder, component, *parts, **arguments)


def parts_of(packages: Sequence[ModelPackage], **terms: Any) -> list[SplitPart]:
    return [split_part_of(package, terms=SplitTerms(**terms)) for package in packages]


def host_of(part: SplitPart, folder: Path, ids: Sequence[str] = IDS) -> HostPart:
    return HostPart(part, features_of(part, folder, ids), RowLedger(folder / "answered", part.model.job_id, part.terms))


@contextmanager
def running_host(host: HostPart, listener: SplitListener = LISTENER, **options: Any) -> Iterator[int]:
    """The service of a host, at a port."""
    with served(host_app(host, listener), **options) as port:
        yield port


def peer_of(part: SplitPart, port: int, party_id: str = "10000", secret: str = SECRET, **settings: Any) -> HostPeer:
    """The guest's way to a host."""
    peer = SplitPeer(host="127.0.0.1", port=port, **{"tls": False, **settings})
    return HostPeer(party_id, peer.client_settings(secret), part.model)


async def score(
    guest: SplitPart,
    features: FeatureFile | None,
    peers: Mapping[str, HostPeer],
    ids: Sequence[str],
    given: Mapping[str, Sequence[float]] | None = None,
) -> list[list[float]]:
    """Scores of rows; the connections are closed afterwards."""
    try:
        return (await SplitScorer(guest, features, peers).score(ids, given or {})).tolist()
    finally:
        for peer in peers.values():
            await peer.close()
