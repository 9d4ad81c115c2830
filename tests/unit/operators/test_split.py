"""Split scoring as DAGs have it, with real processes: two hosts' services and the guest's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.split import SplitClient, SplitScoreClient
from airflow_provider_fate.errors import FatePartDown, FateProxyError
from airflow_provider_fate.hooks.hook import read_connection
from airflow_provider_fate.hooks.split import SplitService
from airflow_provider_fate.local.services import LocalService
from airflow_provider_fate.models.manifest import ModelManifest, ModelParty, content_digest
from airflow_provider_fate.models.package import write_package
from airflow_provider_fate.models.part import unpack_part
from airflow_provider_fate.operators.split_check import FateSplitCheckOperator
from airflow_provider_fate.operators.split_features import FateSplitFeaturesOperator
from airflow_provider_fate.operators.split_part import FateSplitPartOperator
from airflow_provider_fate.operators.split_serve import FateSplitServeOperator, FateSplitStopOperator
from tests.support.certificates import Authority
from tests.support.split import Parties, connect, require_documented, run
from tests.support.wire import read_wire
from tests.unit.models.samples import META, tar
from tests.unit.models.test_convert import ROWS, dot, estimator, rows, sigmoid
from tests.unit.serving.split.samples import IDS, write_rows

WEIGHTS = {
    ("guest", "9999"): ({"a": 0.5, "b": -1.0}, 0.5),
    ("host", "10000"): ({"c": 2.0}, None),
    ("host", "10001"): ({"d": 0.25}, None),
}
EVERY = {column: weight for weights, _ in WEIGHTS.values() for column, weight in weights.items()}


def packed(folder: Path, role: str, party_id: str, job_id: str = "1") -> Path:
    """The package of a party of a coordinated LR with two hosts."""
    model = {"data": {"estimator": estimator(*WEIGHTS[role, party_id])}}
    (place := folder / f"{role}-{party_id}-{job_id}").mkdir()
    files = {"json_model": json.dumps(model).encode(), "json_model.meta.yaml": META}
    part = unpack_part(tar(files), place, task="lr_0", component="coordinated_lr", provider=None)
    manifest = ModelManifest(
        role=role, party_id=party_id, job_id=job_id, model_id=job_id, model_version="0", parts=(part.part,),
        parties=tuple(ModelParty(role=r, party_id=p) for r, p in WEIGHTS), content_sha256=content_digest([part.part]),
    )  # fmt: skip
    return write_package(manifest, [part], folder / f"{role}-{party_id}-{job_id}.zip").path


@pytest.fixture
def parties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parties]:
    made = Parties(tmp_path, monkeypatch)
    yield made
    made.close()


def opened(parties: Parties, party_id: str, **more: Any) -> dict[str, Any]:
    """The service of a host."""
    part = parties.part(packed(parties.folder, "host", party_id))
    source = write_rows(parties.folder / f"{party_id}.csv", list(WEIGHTS["host", party_id][0]))
    return parties.serve(part, parties.rows(part, source), **more)


def scores(folder: Path, shift: float = 0.0) -> str:
    """What FATE has given for the rows, in a file."""
    lines = [f"{who},{sigmoid(dot(EVERY, row, 0.5)) + shift!r}" for who, row in zip(IDS, rows(), strict=True)]
    (folder / "scores.csv").write_text("\n".join(["id,predict_score", *lines]) + "\n")
    return str(folder / "scores.csv")


def test_three_parties_serve_and_give_fates_scores(parties: Parties, tmp_path: Path) -> None:
    services = [opened(parties, host) for host in ("10000", "10001")]
    guest = parties.part(packed(tmp_path, "guest", "9999"))
    with read_wire(parties.ports["host_10000"]) as wire:
        ways = {"10000": parties.way("host_10000", wire.port), "10001": "split_host_10001"}
        own = parties.rows(guest, write_rows(tmp_path / "guest.csv", ["a", "b"]))
        served = parties.serve(guest, own, hosts=ways, name="credit")
        check: dict[str, Any] = {"service": served, "split_conn_id": "split_guest_9999", "scores": scores(tmp_path)}
        checked = run(FateSplitCheckOperator, **check, batch=90)
        questions = require_documented(wire, parties.secrets["host_10000"])
        with pytest.raises(AirflowFailException, match="is not to be used"):
            run(FateSplitCheckOperator, **check | {"scores": scores(tmp_path, 0.001)})
        with pytest.raises(AirflowFailException, match="Only 200 rows"):
            run(FateSplitCheckOperator, **check, min_rows=201)

        # A party goes down: named at once, and by name; comes back: nothing else has to be done.
        with SplitScoreClient(read_connection(SplitService, "split_guest_9999").settings()) as client:
            assert run(FateSplitStopOperator, service=services[1]) is True
            with pytest.raises(FatePartDown, match="host 10001 does not answer") as caught:
                client.ask.scores("credit", IDS[:1])
            assert caught.value.party == "host 10001"
            with pytest.raises(FatePartDown):
                run(FateSplitCheckOperator, **check | {"scores": scores(tmp_path)})
            assert run(FateSplitStopOperator, service="host-10001") is False

    assert (checked["rows"], checked["job_id"]) == (200, "1")
    assert checked["largest_difference"] <= 1e-5
    assert served["url"] == f"http://127.0.0.1:{parties.ports['guest_9999']}/v2/models/credit/infer"
    # Over the wire went ids in three batches, and a rounded sum for each; no raw value, column or coefficient.
    sums = [sum_ for question, answer in questions if question for (sum_,) in answer.sums]
    assert [who for question, _ in questions if question for who in question["ids"]] == IDS
    assert sums == [round(2.0 * value, 6) for value in ROWS["c"]]
    log = Path(services[0]["log"]).read_text()
    assert "answered the sums of 90 rows" in log
    for secret in (*parties.secrets.values(), IDS[0]):
        assert secret not in log
        assert secret not in json.dumps([services, served])


def test_what_is_started_again(parties: Parties, tmp_path: Path) -> None:
    first = opened(parties, "10000")
    service = LocalService(first["service"])
    before = service.status()
    assert before is not None
    part = parties.part(tmp_path / "host-10000-1.zip")
    again = parties.serve(part, str(tmp_path / "host-10000.features"))
    after = service.status()
    assert after is not None
    assert (again["sha256"], after.server) == (first["sha256"], before.server), "the same part: left alone"

    stricter = parties.part(tmp_path / "host-10000-1.zip", {"rows_per_day": 5})
    parties.serve(stricter, str(tmp_path / "host-10000.features"))
    assert service.status().server != before.server  # type: ignore[union-attr]
    for name in ("settings.json", "secrets.json", "split.json"):
        assert (service.folder / "files" / name).stat().st_mode & 0o077 == 0
    hook = read_connection(SplitService, "split_host_10000")
    assert hook.check().startswith("Host 10000 serves its part (linear) of model 1, version 0, of job 1 to guest 9999")
    assert run(FateSplitStopOperator, service=first, remove=True) is True
    assert not service.folder.exists()


def test_tls_between_the_parties(parties: Parties, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    cert, key = ours.sign("host")
    parties.address("host_10000")
    port, secret = parties.ports["host_10000"], parties.secrets["host_10000"]
    opens = {"tls": True, "cert_file": cert, "key_file": key, "ca_file": str(theirs.ca_file)}
    connect(monkeypatch, "split_host_10000", port, secret, **opens)
    mine = dict(zip(("cert_file", "key_file"), theirs.sign("guest"), strict=True))
    connect(monkeypatch, "way", port, secret, tls=True, ca_file=str(ours.ca_file), **mine)
    assert opened(parties, "10000")["url"] == f"https://127.0.0.1:{port}"
    with SplitClient(read_connection(SplitService, "way").settings()) as client:
        assert client.ask.part().party_id == "10000"


# --- what is refused, before anything is started ----------------------------------------------------------------------


def test_nothing_is_served_without_consent(parties: Parties) -> None:
    part = parties.part(packed(parties.folder, "host", "10000"))
    for signed_off in ("", "0" * 64, "None"):
        with pytest.raises(AirflowFailException, match=r"host 10000 has not signed off its part \(sha256"):
            parties.serve(part, "x", signed_off=signed_off)
    ended = parties.part(parties.folder / "host-10000-1.zip", {"until": "2020-01-01T00:00:00+00:00"})
    with pytest.raises(AirflowFailException, match="The consent of host 10000 has ended"):
        parties.serve(ended, "x")
    assert not list((parties.folder / "services").glob("*"))


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"rows_per_day": 0}, "rows_per_day"),
        ({"until": "2030-01-01"}, "until"),
        ({"rows": 5}, "rows"),
        ("many", "it"),
    ],
)
def test_terms_that_cannot_be(parties: Parties, terms: Any, says: str) -> None:
    with pytest.raises(AirflowFailException, match=rf"terms=.*: {says}"):
        parties.part(packed(parties.folder, "host", "10000"), terms)


def test_arguments_that_cannot_be(parties: Parties, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = parties.part(packed(tmp_path, "host", "10000"))
    guest = parties.part(packed(tmp_path, "guest", "9999"))
    source = write_rows(tmp_path / "host.csv", ["c"])
    good = parties.rows(host, source)
    connect(monkeypatch, "no_secret", 1, None)
    connect(monkeypatch, "short", 1, "short")
    connect(monkeypatch, "open", 1, "x" * 40, host="host.example.org")

    both = dict.fromkeys(("10000", "10001"), parties.address("x"))

    def serve(part: Mapping[str, Any], **more: Any) -> None:
        arguments = {"split_conn_id": parties.address("x"), "signed_off": part["sha256"], "features": good, **more}
        run(FateSplitServeOperator, part=part, **arguments)

    for call, says in (
        (lambda: run(FateSplitPartOperator, package="model.txt"), "names no model package"),
        (lambda: run(FateSplitPartOperator, package=str(tmp_path / "gone.zip")), "is not there"),
        (lambda: serve(host, split_conn_id="no_secret"), "nobody may be let in"),
        (lambda: serve(host, split_conn_id="short"), "The secret has 5 characters"),
        (lambda: serve(host, split_conn_id="open"), "needs TLS"),
        (lambda: serve(host, features=None), "A host needs features"),
        (lambda: serve(host, hosts={"10000": "x"}), "hosts is given at a host"),
        (lambda: serve(guest, features=None), r"hosts=\{\}, and the model has the hosts 10000, 10001"),
        (lambda: serve(guest, hosts=both), "has other columns than the part takes: c"),
        (lambda: serve(host, name="A name"), "no name for a service"),
        (lambda: serve(host | {"sha256": "0" * 64}), "It was made anew since"),
        (lambda: run(FateSplitServeOperator, part="x", signed_off="", split_conn_id="x"), "names no part"),
        (lambda: run(FateSplitFeaturesOperator, part=host, target=str(tmp_path / "f")), "neither source nor sql"),
        (lambda: run(FateSplitFeaturesOperator, part=host, target=str(tmp_path / "f"), sql="x"), "needs sql_conn_id"),
        (lambda: run(FateSplitFeaturesOperator, part=host, target="f", source=str(source)), "no absolute path"),
        (lambda: run(FateSplitStopOperator, service="../x"), "no name for a service"),
        (lambda: run(FateSplitCheckOperator, service="a/b", split_conn_id="x", scores="s"), "names no model"),
        (lambda: run(FateSplitCheckOperator, service="a", split_conn_id="x", scores={}), "names no file"),
    ):
        with pytest.raises(AirflowFailException, match=says):
            call()
    assert not [one for one in (tmp_path / "services").glob("*") if LocalService(one.name).status()]


def test_the_program_starts_without_airflow_and_says_what_is_wrong(tmp_path: Path) -> None:
    probe = "import sys; import airflow_provider_fate.serving.split.program as p; code = p.main(sys.argv[1:]); "
    probe += "assert 'airflow' not in sys.modules; sys.exit(code)"
    for arguments, says in (
        ([], "Give the folder"),
        ([str(tmp_path), "1", str(tmp_path)], "settings.json is not there"),
    ):
        done = subprocess.run([sys.executable, "-c", probe, *arguments], capture_output=True, text=True, timeout=120)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr


def test_a_connection_of_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.asgi import served

    async def other(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"Not Found"})

    with served(other) as port:
        connect(monkeypatch, "other", port, "x" * 40)
        with pytest.raises(FateProxyError, match="Not an answer of the guest's service"):
            read_connection(SplitService, "other").check()
