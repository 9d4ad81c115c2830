from __future__ import annotations

import socket
import threading

import pytest

from airflow_provider_fate.local import StartError, ports


@pytest.fixture
def taken() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not ports.is_free(taken)


def test_a_shared_port_is_not_free_either() -> None:
    # gRPC listens with SO_REUSEPORT: two servers could share a port and answer each other's calls.
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not ports.is_free(listener.getsockname()[1])


def test_the_ports_of_the_last_start_come_first() -> None:
    http, grpc = ports.choose(None, None)
    assert ports.choose(None, None, (http, grpc)) == (http, grpc)


def test_a_remembered_port_that_is_taken_is_replaced(taken: int) -> None:
    http, grpc = ports.choose(None, None, (taken, taken))
    assert taken not in (http, grpc)
    assert http != grpc


def test_asking_for_a_taken_port_is_an_error_that_names_it(taken: int) -> None:
    with pytest.raises(StartError, match=f"http_port={taken} is in use"):
        ports.choose(taken, None)


def test_asking_for_one_port_twice_is_an_error() -> None:
    free, _ = ports.choose(None, None)
    with pytest.raises(StartError, match="grpc_port"):
        ports.choose(free, free)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_asking_for_an_impossible_port_is_an_error(port: int) -> None:
    with pytest.raises(StartError, match="is not a port"):
        ports.choose(port, None)


def test_nobody_else_chooses_while_servers_start(tmp_path, monkeypatch):
    monkeypatch.setenv("FATE_LOCAL_CACHE", str(tmp_path))
    other = threading.Event()

    def choose():
        with ports.alone():
            other.set()

    with ports.alone():
        waiting = threading.Thread(target=choose)
        waiting.start()
        assert not other.wait(0.3)
    assert other.wait(5)
    waiting.join()
