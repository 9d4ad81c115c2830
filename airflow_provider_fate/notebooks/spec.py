"""What a notebook is, wherever it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_fate.errors import FateInputError

__all__ = ["NotebookSite", "NotebookSpec", "memory_bytes"]

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?")
_MOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CPU = re.compile(r"(\d+)(\.\d+)?|(\d+)m")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)([KMGT]i?)?")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
          "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}  # fmt: skip
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")


@dataclass(frozen=True)
class NotebookSite:
    """The FATE site that fate-client speaks to.

    :param host: name or address of its FATE-Flow, as seen from the notebook.
    :param port: its HTTP port.
    :param party_id: the party that pipelines are started as; None: fate-client's own default.
    :param role: likewise, the role.
    :param scheme: ``"http"`` or ``"https"``.
    :param app_id: what requests are signed as; None where the site asks nobody who it is.
    :param app_token: its secret.
    :param verify: whether the certificate is checked, or the path of a CA bundle.
    """

    host: str
    port: int = 9380
    party_id: str | None = None
    role: str | None = None
    scheme: str = "http"
    app_id: str | None = None
    app_token: str | None = field(default=None, repr=False)
    verify: bool | str = True

    def text(self) -> str:
        """As the notebook reads it; holds the token."""
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class NotebookSpec:
    """One notebook.

    :param name: its name: up to 52 small letters, digits and ``-``, beginning with a letter.
    :param site: the site it works with.
    :param repository: git repository that is cloned beside the example, with ``@`` and a branch, tag or commit if it is
        not the default one: ``"https://git.example.org/team/models.git@main"``. No credentials in it.
    :param start_script: shell script that is run before each start; one that fails keeps the notebook from starting.
    :param data: what is mounted below ``data/``, by name; what the values mean is the backend's.
    :param cpus: CPUs, as ``2`` or ``"500m"``.
    :param memory: memory, as ``"4Gi"``.
    :param env: further variables for kernels and terminals; no secrets.
    :param url: address by which browsers reach it, where a proxy stands before it; its path becomes JupyterLab's.
    :raises FateInputError: something of it cannot work; names the field.
    """

    name: str
    site: NotebookSite
    repository: str | None = None
    start_script: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    cpus: str | None = None
    memory: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None

    def __post_init__(self) -> None:
        checked_notebook_name(self.name)
        if self.repository is not None:
            self._check_repository(self.repository)
        for mount in self.data:
            if not _MOUNT.fullmatch(mount):
                raise FateInputError(
                    f"data: {mount!r} is no name for a mount.", hint="Use letters, digits and . _ -, up to 63."
                )
        if self.cpus is not None and not _CPU.fullmatch(str(self.cpus)):
            raise FateInputError(f"cpus={self.cpus!r} is no number of CPUs.", hint='Write "2", "0.5" or "500m".')
        if self.memory is not None and not memory_bytes(self.memory):
            raise FateInputError(f"memory={self.memory!r} is no amount of memory.", hint='Write "4Gi" or "500M".')
        if self.url is not None and urlsplit(self.url).scheme not in ("http", "https"):
            raise FateInputError(f"url={self.url!r} is no address of a page.", hint="It begins with https://.")

    @property
    def clone(self) -> tuple[str, str]:
        """Address of the repository, and what of it is checked out ("" for its default branch)."""
        # Behind the host, where an @ belongs to the login.
        match = re.fullmatch(r"([a-z]+://[^/]*/|[^/:]+:)?(.*?)(?:@([^@]*))?", self.repository or "", re.DOTALL)
        assert match is not None
        return (match[1] or "") + match[2], match[3] or ""

    @property
    def folder(self) -> str:
        """Name of the folder that the repository is cloned into."""
        return re.split(r"[/:]", self.clone[0].rstrip("/"))[-1].removesuffix(".git")

    @property
    def base_path(self) -> str:
        """Path below which JupyterLab answers: ``"/"``, or that of ``url``."""
        return "/" + (urlsplit(self.url).path.strip("/") + "/" if self.url else "").lstrip("/")

    def _check_repository(self, repository: str) -> None:
        address, ref = self.clone
        parts = urlsplit(address)
        if parts.password or (parts.username and parts.scheme in ("http", "https")):
            raise FateInputError(
                "repository: there are credentials in its address, which would be shown in Airflow.",
                hint="Leave them out, and let git find them by a credential helper or a key of this machine.",
            )
        known = parts.scheme in ("http", "https", "ssh", "git", "file") or re.match(r"[\w.-]+@[\w.-]+:[^:]", address)
        if not known or address.startswith("-") or not self.folder or self.folder.startswith("."):
            raise FateInputError(
                f"repository={repository!r} is no address of a git repository.",
                hint="Write https://host/path.git, ssh://... or git@host:path, and @branch behind it if need be.",
            )
        if ref and not _REF.fullmatch(ref):
            raise FateInputError(f"repository: {ref!r} is no branch, tag or commit.")


def checked_notebook_name(name: str) -> str:
    """The name of a notebook.

    :raises FateInputError: it cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise FateInputError(
            f"name={name!r} is no name for a notebook.",
            hint="Use up to 52 small letters, digits and -; the first one is a letter, the last one is no -.",
        )
    return name


def memory_bytes(text: Any) -> int:
    """An amount of memory as Kubernetes writes it, in bytes; 0 where it is none."""
    match = _MEMORY.fullmatch(str(text))
    return int(float(match[1]) * _UNITS[match[2] or ""]) if match else 0


def whole_cpus(text: str) -> int:
    """A number of CPUs, rounded up to whole ones."""
    number = float(text[:-1]) / 1000 if text.endswith("m") else float(text)
    return max(1, int(-(-number // 1)))
