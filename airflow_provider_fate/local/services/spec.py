"""What is to run as a service."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_fate.local.errors import LocalFateError

__all__ = ["ServiceSpec", "checked_name"]

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PORT_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class ServiceSpec:
    """One server: how it is started, and how to tell that it answers.

    In ``command`` and ``env``, ``{host}``, ``{port}``, ``{port.NAME}`` of ``more_ports``, ``{folder}`` (the service's
    own folder, kept between starts) and ``{files}`` (where ``files`` are) stand for what is only known at the start.

    :param command: program and arguments; no secrets: every user of the machine can read them.
    :param env: variables, beside the few that every process needs. Nothing else of the caller's environment is handed
        on: in Airflow it holds connections and keys.
    :param secret_env: variables with secrets.
    :param files: texts by file name, written so that only this user can read them: configuration, tokens.
    :param cwd: working folder; default: ``work`` in the service's folder.
    :param port: the port it has to have; default: that of its last start, else any free one.
    :param more_ports: names of further ports that it listens on.
    :param health: path that answers with a status below 400 once it is ready, such as ``"/api"``; ``None``: it is
        ready when it accepts connections on its port.
    :param log_limit: bytes after which its log is cut; the older half is kept beside it.
    :param stop_grace: seconds it is given to end by itself.
    """

    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None
    port: int | None = None
    more_ports: Sequence[str] = ()
    health: str | None = "/"
    log_limit: int = 10_000_000
    stop_grace: float = 10.0

    def __post_init__(self) -> None:
        if not self.command or not all(self.command):
            raise LocalFateError("command: a program and its arguments are needed, all of them texts")
        for name in self.files:
            _fitting("files", name, _FILE, "use letters, digits and . _ -")
        for variables in (self.env, self.secret_env):
            for name in variables:
                _fitting("env", name, _VARIABLE, "a variable's name has letters, digits and _")
        for name in self.more_ports:
            _fitting("more_ports", name, _PORT_NAME, "use small letters, digits and _")
        if self.port is not None and not 1 <= self.port <= 65535:
            raise LocalFateError(f"port={self.port} is not a port", hint="ports go from 1 to 65535")
        if self.health is not None and not self.health.startswith("/"):
            raise LocalFateError(f"health={self.health!r} is not a path", hint="it begins with /, as in /v1/models/m")
        if self.log_limit < 10_000:
            raise LocalFateError(f"log_limit={self.log_limit} is too little", hint="use at least 10000 bytes")
        for secret in self.secrets:
            if any(secret in word for word in self.command):
                raise LocalFateError(
                    "command: a secret stands in it, where every user of this machine can read it",
                    hint="hand it over by secret_env or files",
                )

    @property
    def secrets(self) -> list[str]:
        """What must be seen nowhere: values of secret variables, and files of one line (tokens)."""
        short = (text.strip() for text in self.files.values() if "\n" not in text.strip())
        return [value for value in (*self.secret_env.values(), *short) if len(value) >= 6]

    @property
    def digest(self) -> str:
        """The same for the same specification."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def hidden(self, text: str) -> str:
        """The text without the secrets in it."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def checked_name(name: str) -> str:
    """The name of a service, which becomes a folder's.

    :raises LocalFateError: it cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise LocalFateError(
            f"name={name!r} is no name for a service",
            hint="use up to 63 small letters, digits and . _ - that begin and end with a letter or digit",
        )
    return name


def _fitting(field_: str, name: str, pattern: re.Pattern[str], hint: str) -> None:
    if not pattern.fullmatch(name):
        raise LocalFateError(f"{field_}: the name {name!r} cannot be used", hint=hint)
