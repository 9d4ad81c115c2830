import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

import dev.postgres
from dev.localairflow.processes import Roster, listening_addresses
from dev.postgres import LocalPostgres, PostgresError

ROOT = Path(__file__).resolve().parents[3]


def test_a_database_takes_rows_and_its_copy_has_them(postgres):
    with psycopg.connect(postgres.create_database("clinic")) as db:
        db.execute("CREATE TABLE patients (id text, y integer)")
        db.execute("INSERT INTO patients VALUES ('Jörg', 1)")

    with psycopg.connect(postgres.create_database("copy", template="clinic")) as db:
        assert db.execute("SELECT * FROM patients").fetchall() == [("Jörg", 1)]


def test_a_dropped_database_is_gone_although_somebody_is_connected(postgres):
    with psycopg.connect(postgres.create_database("passing")) as db:
        postgres.drop_database("passing")

        assert "passing" not in postgres.databases()
        with pytest.raises(psycopg.OperationalError):
            db.execute("SELECT 1")


def test_a_database_that_exists_is_not_made_again(postgres):
    postgres.create_database("once")

    with pytest.raises(PostgresError, match=r'createdb once failed:\n.*"once" already exists'):
        postgres.create_database("once")


def test_it_listens_on_loopback_only_and_asks_for_a_password(postgres):
    assert listening_addresses(postgres.roster.running()) == {("127.0.0.1", postgres.port)}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url.replace(postgres.password, "guessed"))


def test_it_keeps_its_data_over_a_restart_and_is_found_by_others(tmp_path):
    server = LocalPostgres(tmp_path)
    server.start()
    try:
        server.create_database("kept")
        other = LocalPostgres(tmp_path)
        other.start()
        assert (other.port, "kept" in other.databases()) == (server.port, True)

        assert other.stop()
        assert not server.is_up
        server.start()
        assert "kept" in server.databases()
    finally:
        server.stop()
    assert not server.stop()


def test_it_ends_with_an_owner_that_is_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from dev.postgres import LocalPostgres\n"
        "with LocalPostgres(Path(sys.argv[1])) as server: print(server.port, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT) as owner:
        assert owner.stdout is not None
        assert int(owner.stdout.readline()) > 0
        os.kill(owner.pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while Roster(tmp_path / "processes.json").running():
        assert time.monotonic() < end, "PostgreSQL outlives its owner"
        time.sleep(0.1)


def test_a_server_that_cannot_start_shows_its_log(tmp_path, postgres):
    with pytest.raises(PostgresError, match=r"ended at its start:\n(.*\n)*.*could not create any TCP/IP sockets"):
        LocalPostgres(tmp_path, port=postgres.port).start()


def test_root_that_may_make_no_user_namespace_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(dev.postgres.shutil, "which", lambda name: None)

    with pytest.raises(PostgresError, match="does not run as root"):
        LocalPostgres(tmp_path).start()
