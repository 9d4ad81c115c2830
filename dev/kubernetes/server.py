"""A Kubernetes API server below one folder: etcd and kube-apiserver on loopback, for as long as a block runs."""

from __future__ import annotations

import json
import os
import secrets
import ssl
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from dev.guard import Guard
from dev.kubernetes.build import KubernetesError
from dev.kubernetes.certificate import write_certificate, write_signing_key
from dev.kubernetes.programs import programs
from dev.localairflow.processes import Process, Roster
from dev.localairflow.settings import free_port, write_private

HOST = "127.0.0.1"
ADMIN = "admin"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [ADMIN, "weak"]}, {"level": "None"}],
}
"""Each request of our users is written down when it begins to be answered, and when it is."""


class LocalKubernetes:
    """The server. There are no nodes and no controllers: a test plays them.

    :param home: its data, keys and logs.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.port = 0
        self.tokens: dict[str, str] = {}
        self._etcd = (0, 0)
        self._guard: Guard | None = None

    @property
    def url(self) -> str:
        """Of the API."""
        return f"https://{HOST}:{self.port}"

    @property
    def roster(self) -> Roster:
        """Its processes."""
        return Roster(self.home / "processes.json")

    @property
    def certificate(self) -> Path:
        """Of the server, which is its own authority."""
        return self.home / "tls.crt"

    def kubeconfig(self, user: str = ADMIN) -> dict[str, Any]:
        """How a user reaches it.

        :param user: ``admin``, who may do all, or ``weak``, who may do what RBAC grants.
        """
        cluster = {"server": self.url, "certificate-authority": str(self.certificate)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
            "current-context": "local",
        }

    def kubeconfig_file(self, user: str = ADMIN) -> Path:
        """The same, as a file."""
        file = self.home / f"kubeconfig-{user}"
        write_private(file, yaml.safe_dump(self.kubeconfig(user)))
        return file

    def connection(self, user: str = ADMIN) -> dict[str, Any]:
        """An Airflow connection to it."""
        return {"conn_type": "kubernetes", "extra": {"kube_config_path": str(self.kubeconfig_file(user))}}

    def requests(self) -> list[Mapping[str, Any]]:
        """All requests that were answered until now, oldest first, as the audit log has them."""
        log = self.home / "audit.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    # -- its life ---------------------------------------------------------------------------------------------------

    def start(self, patience: float = 120.0) -> None:
        """Start both, and wait until the API is ready.

        :raises KubernetesError: the programs cannot be had, or it does not come up.
        """
        folder = programs()
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.port = free_port()
        self._etcd = free_port(), free_port()
        write_certificate(self.certificate, self.home / "tls.key")
        write_signing_key(self.home / "accounts.key")
        write_private(self.home / "audit.yaml", yaml.safe_dump(AUDIT))
        self.tokens = {ADMIN: secrets.token_hex(16), "weak": secrets.token_hex(16)}
        lines = [f"{self.tokens[ADMIN]},{ADMIN},1,system:masters", f"{self.tokens['weak']},weak,2"]
        write_private(self.home / "tokens.csv", "\n".join(lines) + "\n")
        self._run("etcd", self._etcd_command(folder / "etcd"))
        self.start_api(patience)

    def start_api(self, patience: float = 120.0) -> None:
        """Start kube-apiserver alone, on the same port and with the same data.

        :raises KubernetesError: it does not come up.
        """
        self._run("kube-apiserver", self._api_command(programs() / "kube-apiserver"))
        end = time.monotonic() + patience
        while not self._is_ready():
            alive = {process.name for process in self.roster.running()}
            if alive != {"etcd", "kube-apiserver"} or time.monotonic() > end:
                said = "\n".join((self.home / "kube-apiserver.log").read_text().splitlines()[-15:])
                self.roster.stop()
                raise KubernetesError(f"kube-apiserver does not come up:\n{said}")
            time.sleep(0.1)

    def kill_api(self) -> None:
        """End kube-apiserver as a crash would; its data stay."""
        for process in self.roster.running():
            if process.name == "kube-apiserver":
                process.kill()

    def stop(self) -> None:
        """End both."""
        self.roster.stop()

    def __enter__(self) -> LocalKubernetes:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._guard = Guard(self.roster.file)
        try:
            self.start()
        except BaseException:
            self.stop()
            self._guard.dismiss()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._guard is not None:
            self._guard.dismiss()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _run(self, name: str, command: list[str]) -> None:
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.home), "GOMAXPROCS": "2"}
        self.roster.add(Process.start(name, command, env, self.home / f"{name}.log", self.home))

    def _etcd_command(self, program: Path) -> list[str]:
        client, peer = (f"http://{HOST}:{port}" for port in self._etcd)
        return [
            *(str(program), "--data-dir", str(self.home / "etcd"), "--unsafe-no-fsync"),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
        ]

    def _api_command(self, program: Path) -> list[str]:
        home = self.home
        return [
            *(str(program), f"--etcd-servers=http://{HOST}:{self._etcd[0]}"),
            *(f"--bind-address={HOST}", f"--advertise-address={HOST}", f"--secure-port={self.port}"),
            *(f"--tls-cert-file={self.certificate}", f"--tls-private-key-file={home / 'tls.key'}"),
            *(f"--token-auth-file={home / 'tokens.csv'}", "--authorization-mode=RBAC", f"--cert-dir={home / 'certs'}"),
            *(f"--service-account-key-file={home / 'accounts.key'}", "--service-account-issuer=https://loopback"),
            f"--service-account-signing-key-file={home / 'accounts.key'}",
            *("--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none", "--profiling=false"),
            # Nobody makes the accounts that it would ask for.
            "--disable-admission-plugins=ServiceAccount",
            *(f"--audit-policy-file={home / 'audit.yaml'}", f"--audit-log-path={home / 'audit.log'}"),
        ]

    def _is_ready(self) -> bool:
        request = urllib.request.Request(
            f"{self.url}/readyz", headers={"Authorization": f"Bearer {self.tokens[ADMIN]}"}
        )
        trust = ssl.create_default_context(cafile=str(self.certificate))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        with suppress(OSError):
            return bool(opener.open(request, timeout=5).read() == b"ok")
        return False
