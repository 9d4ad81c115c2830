"""What is not answered, and what who asks is told: by name, at once, and without a value of anybody's."""

from __future__ import annotations

import json
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_fate import errors as e
from airflow_provider_fate.serving.split.document import SplitPart
from airflow_provider_fate.serving.split.join import SplitScorer
from airflow_provider_fate.serving.split.settings import SplitListener
from tests.support.certificates import Authority
from tests.unit.models.test_convert import both, forest
from tests.unit.serving.split.samples import (
    IDS,
    LISTENER,
    SECRET,
    features_of,
    host_of,
    linear_packages,
    parts_of,
    peer_of,
    running_host,
    score,
)


@pytest.fixture
def parts(tmp_path: Path) -> list[SplitPart]:
    return parts_of(linear_packages(tmp_path))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_party_that_is_down_is_named_at_once(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, _ = parts
    with pytest.raises(e.FatePartDown, match="host 10000 does not answer") as caught:
        await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, free_port())}, IDS[:2])
    assert caught.value.party == "host 10000"
    assert e.is_transient(caught.value)


async def test_a_party_that_hangs_is_not_waited_for_for_ever(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, _ = parts
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = peer_of(guest, silent.getsockname()[1], timeout=0.2)
        began = time.monotonic()
        with pytest.raises(e.FatePartDown, match=r"host 10000 does not answer: .* within 0\.2 s"):
            await score(guest, features_of(guest, tmp_path), {"10000": peer}, IDS[:2])
    assert time.monotonic() - began < 60


async def test_ids_that_a_host_has_no_rows_of(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, host = parts
    asked = [IDS[3], IDS[150], IDS[4], IDS[150], IDS[199]]
    with (
        running_host(host_of(host, tmp_path, IDS[:100])) as port,
        pytest.raises(e.FateRowNotFound, match=r"has no row that it may be asked for, for 2 of 4 ids") as caught,
    ):
        await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, asked)
    assert caught.value.positions == [1, 3, 4]
    assert caught.value.party == "host 10000"
    assert IDS[150] not in str(caught.value), "ids are of persons, and stay out of messages"


async def test_ids_of_trees_that_a_host_has_no_rows_of(tmp_path: Path) -> None:
    guest, host = parts_of(both(tmp_path, "hetero_secureboost", *forest("binary:bce", 6)))
    with (
        running_host(host_of(host, tmp_path, IDS[:-1])) as port,
        pytest.raises(e.FateRowNotFound) as caught,
    ):
        await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS)
    assert caught.value.positions == [199]


async def test_ids_that_the_guest_has_no_rows_of(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, host = parts
    with (
        running_host(host_of(host, tmp_path)) as port,
        pytest.raises(e.FateRowNotFound, match="guest 9999 has no row for 1 of 2 ids") as caught,
    ):
        await score(guest, features_of(guest, tmp_path, IDS[:1]), {"10000": peer_of(guest, port)}, [IDS[0], IDS[1]])
    assert caught.value.positions == [1]


async def test_parts_of_two_trainings(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, host = parts
    other = host.model_copy(update={"model": host.model.model_copy(update={"job_id": "2"})})
    with running_host(host_of(other, tmp_path)) as port:
        with pytest.raises(e.FateOtherModelError, match=r"host 10000 serves .* of job 2, and the guest .* of job 1"):
            await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS[:2])
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {SECRET}"}) as client:
            question = {"model": guest.model.model_dump(), "ids": IDS[:1]}
            reply = await client.post(f"http://127.0.0.1:{port}/v1/sums", json=question)
    assert (reply.status_code, reply.json()["error"]) == (409, "other_model")


async def test_another_party_at_the_hosts_address(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, host = parts
    other = host.model_copy(update={"party_id": "10001"})
    with (
        running_host(host_of(other, tmp_path)) as port,
        pytest.raises(e.FateOtherModelError, match="At the address of host 10000 answers party 10001"),
    ):
        await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS[:2])


async def test_a_consent_that_has_ended(tmp_path: Path) -> None:
    guest, host = parts_of(linear_packages(tmp_path), until=datetime.now(tz=UTC) + timedelta(hours=1))
    gone = host.model_copy(update={"terms": host.terms.model_copy(update={"until": datetime.now(tz=UTC)})})
    with (
        running_host(host_of(gone, tmp_path)) as port,
        pytest.raises(e.FateConsentError, match="The consent of host 10000 has ended"),
    ):
        await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS[:2])
    ended = guest.model_copy(update={"terms": gone.terms})
    with pytest.raises(e.FateConsentError, match="The consent of guest 9999 has ended"):
        await score(ended, features_of(guest, tmp_path), {"10000": peer_of(guest, 1)}, IDS[:2])


@pytest.mark.parametrize("secret", ["another-secret-that-is-long-enough-as-well", ""])
async def test_a_wrong_secret(
    tmp_path: Path, parts: list[SplitPart], secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    guest, host = parts
    with (
        running_host(host_of(host, tmp_path)) as port,
        pytest.raises(e.FateAuthError, match="The secret is missing or wrong") as caught,
    ):
        await score(
            guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port, secret=secret or None)}, IDS[:2]
        )
    assert secret == "" or secret not in caplog.text + str(caught.value)


async def test_terms_are_kept_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    guest, host = parts_of(linear_packages(tmp_path), rows_per_minute=5, rows_per_day=100)
    with running_host(host_of(host, tmp_path)) as port:
        await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS[:4])
        with pytest.raises(e.FateResourceError, match="6 rows within a minute are more than the 5 agreed on"):
            await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS[:2])
    assert "answered the sums of 4 rows" in caplog.text
    assert not [who for who in IDS[:4] if who in caplog.text]


def ask(port: int, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = httpx.post(
        f"http://127.0.0.1:{port}{path}", content=raw, headers={"authorization": f"Bearer {SECRET}", **headers}
    )
    return reply.status_code, reply.json()


def test_questions_that_cannot_be(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, host = parts
    model = guest.model.model_dump()
    bad: list[tuple[Any, str]] = [
        (b"{", "Invalid JSON"),
        ([], "should be an object"),
        ({"model": model, "ids": []}, "ids"),
        ({"model": model, "ids": ["a", "a"]}, "an id is there twice"),
        ({"model": model, "ids": ["a" * 201]}, "ids.0"),
        ({"model": model, "ids": [1]}, "ids.0"),
        ({"model": model, "ids": ["a"], "columns": ["c"]}, "columns"),
        ({"model": model | {"job_id": "../1"}, "ids": ["a"]}, "job_id"),
    ]
    with running_host(host_of(host, tmp_path)) as port:
        for question, says in bad:
            status, answer = ask(port, "/v1/sums", question)
            assert (status, answer["error"]) == (400, "bad_question"), question
            assert says in answer["message"]
        status, answer = ask(
            port, "/v1/directions", {"model": model, "ids": ["a"], "rows": [0], "trees": [0], "nodes": [0]}
        )
        assert (status, answer["message"]) == (400, "This part is linear: it has sums, and no directions.")
        assert httpx.get(f"http://127.0.0.1:{port}/health").text == "ok\n", "anybody may ask that"
        assert httpx.get(f"http://127.0.0.1:{port}/v1/part").status_code == 401


def test_splits_that_a_host_does_not_have(tmp_path: Path) -> None:
    guest, host = parts_of(both(tmp_path, "hetero_secureboost", *forest("binary:bce", 2)))
    asked = {"model": guest.model.model_dump(), "ids": [IDS[0]], "rows": [0], "trees": [0]}
    with running_host(host_of(host, tmp_path)) as port:
        assert ask(port, "/v1/directions", asked | {"nodes": [1]})[0] == 200
        for nodes, says in (([0], "Node 0 of tree 0 is no split of this party"), ([], "not of one length")):
            status, answer = ask(port, "/v1/directions", asked | {"nodes": nodes})
            assert (status, answer["error"]) == (400, "bad_question")
            assert says in answer["message"]
        status, answer = ask(port, "/v1/directions", asked | {"rows": [1], "nodes": [1]})
        assert "a row that has no id" in answer["message"]


async def test_answers_that_cannot_be_are_not_believed(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, host = parts

    class Liar:
        """Tells of a row too few."""

        def __init__(self) -> None:
            self.true = host_of(host, tmp_path)
            self.part, self.describe, self.directions = host, self.true.describe, self.true.directions

        def sums(self, question: Any) -> Any:
            answer = self.true.sums(question)
            return answer.model_copy(update={"sums": answer.sums[:-1]})

    with (
        running_host(Liar()) as port,
        pytest.raises(e.FateServerError, match="host 10000 has not answered with 2 rows and 1 numbers for each"),
    ):
        await score(guest, features_of(guest, tmp_path), {"10000": peer_of(guest, port)}, IDS[:2])


def test_a_host_whose_service_nobody_names(tmp_path: Path, parts: list[SplitPart]) -> None:
    with pytest.raises(e.FateConfigError, match="where the service of host 10000 is"):
        SplitScorer(parts[0], None, {})


# --- TLS --------------------------------------------------------------------------------------------------------------


async def test_certificates_of_both_sides_are_checked(tmp_path: Path, parts: list[SplitPart]) -> None:
    guest, host = parts
    ours, theirs, stranger = (Authority(tmp_path, name) for name in ("ours", "theirs", "stranger"))
    cert, key = ours.sign("host")
    listener = SplitListener(host="127.0.0.1", cert_file=cert, key_file=key, client_ca_file=str(theirs.ca_file))
    good = dict(zip(("cert_file", "key_file"), theirs.sign("guest"), strict=True))
    other = dict(zip(("cert_file", "key_file"), stranger.sign("other"), strict=True))
    tls = {"ssl_certfile": cert, "ssl_keyfile": key, "ssl_ca_certs": str(theirs.ca_file), "ssl_cert_reqs": 2}

    async def ask(port: int, ca: Path = ours.ca_file, **mine: str) -> list[list[float]]:
        peer = peer_of(guest, port, tls=True, ca_file=str(ca), **mine)
        return await score(guest, features_of(guest, tmp_path), {"10000": peer}, IDS[:2])

    with running_host(host_of(host, tmp_path), listener, **tls) as port:
        assert len(await ask(port, **good)) == 2
        for refused in ({}, other):
            with pytest.raises(e.FatePartDown, match="host 10000 does not answer"):
                await ask(port, **refused)
        with pytest.raises(e.FatePartDown, match="CERTIFICATE_VERIFY_FAILED"):
            await ask(port, stranger.ca_file, **good)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"host": "127.0.0.1"}, "without a secret or a certificate"),
        ({"host": "0.0.0.0", "secret_sha256": LISTENER.secret_sha256}, "needs TLS"),
        ({"host": "127.0.0.1", "client_ca_file": "/ca.pem"}, "certificates of callers need TLS"),
        ({"host": "127.0.0.1", "secret_sha256": LISTENER.secret_sha256, "cert_file": "/c.pem"}, "needs its key"),
        ({"host": "10.0.0.1", "secret_sha256": LISTENER.secret_sha256}, "127.0.0.1"),
    ],
)
def test_a_service_that_would_stand_open_does_not_start(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SplitListener(**arguments)
