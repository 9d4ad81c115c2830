"""A chat server on this machine: a base model and its adapters over OpenAI's protocol, on the loopback interface."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.llm.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from airflow_provider_fate.llm.environment import ENVIRONMENT, PAYLOAD, cores, script_environment
from airflow_provider_fate.llm.prompt import PROMPT_FILE
from airflow_provider_fate.llm.tensor_file import read_tensor_file
from airflow_provider_fate.local.progress import Progress, silent
from airflow_provider_fate.local.services import LocalService, ServiceSpec
from airflow_provider_fate.models.package import sha256_of

__all__ = ["ChatSpec", "ChatState", "LocalChat"]

_PREFIX = "chat-"
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")
_KEY = "key"
_SHORTEST_KEY = 16
_FILES = (ADAPTER_WEIGHTS, ADAPTER_CONFIG, PROMPT_FILE)


@dataclass(frozen=True)
class ChatSpec:
    """What a chat server answers with.

    :param base: folder of the base model, which is left where it is.
    :param base_name: name under which clients ask the base model alone.
    :param adapters: folders of adapters by the names under which clients ask them; each is copied.
    :param max_new_tokens: longest answer.
    :param max_seconds: longest time for an answer, after which it is given as far as it is.
    :param waiting: requests that may wait; more are turned away (HTTP 429).
    :param threads: CPUs that it uses; default: all.
    """

    base: Path
    base_name: str = "base"
    adapters: Mapping[str, Path] = field(default_factory=dict)
    max_new_tokens: int = 512
    max_seconds: float = 300.0
    waiting: int = 16
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in (self.base_name, *self.adapters):
            if not _MODEL.fullmatch(name):
                raise FateInputError(
                    f"{name!r} is no name for a model.", hint="Use letters, digits and . _ : / -, such as 'answers'."
                )
        if self.base_name in self.adapters:
            raise FateInputError(f"base_name={self.base_name!r} is the name of an adapter, too.", hint="Use another.")
        for what, number in (("max_new_tokens", self.max_new_tokens), ("max_seconds", self.max_seconds),
                             ("waiting", self.waiting), ("threads", self.threads or 1)):  # fmt: skip
            if number < 1:
                raise FateInputError(f"{what}={number!r} is less than 1.")


@dataclass(frozen=True)
class ChatState:
    """A chat server that runs.

    :param name: its name.
    :param url: what OpenAI's clients take as ``base_url``.
    :param models: names that can be asked.
    :param key: what lets a client in.
    """

    name: str
    url: str
    models: tuple[str, ...]
    key: str = field(repr=False)


class LocalChat:
    """A chat server on this machine, known by its name.

    :param name: its name: small letters, digits and ``-``.
    :param home: folder of all services; default: ``FATE_LOCAL_SERVICES``, else in the user's data directory.
    :raises FateInputError: the name cannot be one.
    """

    def __init__(self, name: str, home: Path | None = None) -> None:
        if not _NAME.fullmatch(name):
            raise FateInputError(
                f"name={name!r} is no name for a chat server.",
                hint="Use up to 52 small letters, digits and -; the first one is a letter, the last one is no -.",
            )
        self.name = name
        self.service = LocalService(_PREFIX + name, home)

    @property
    def key(self) -> str | None:
        """What lets a client in; kept over stops."""
        return self.service.file(_KEY)

    @property
    def key_file(self) -> Path:
        """Where the key is, for this user to read."""
        return self.service.folder / "files" / _KEY

    def start(
        self,
        spec: ChatSpec,
        progress: Progress = silent,
        *,
        key: str | None = None,
        timeout: float = 600.0,
        owner: int | None = None,
        python: Path | None = None,
    ) -> ChatState:
        """Start it and wait until it answers; one that runs like that is left as it is.

        :param key: what shall let clients in; default: that of its last start, else a new one.
        :param timeout: seconds to wait for the first answer: the model is loaded meanwhile.
        :param owner: pid of a process with which it shall end.
        :param python: another interpreter that has what it needs.
        :raises FateInputError: an adapter cannot be read, or the key is too short.
        :raises StartError: it does not come up; carries the end of its log.
        """
        if key is not None and len(key) < _SHORTEST_KEY:
            raise FateInputError("key: too short to keep anybody out.", hint=f"Use {_SHORTEST_KEY} characters or more.")
        interpreter = python or ENVIRONMENT.ensure(progress)
        adapters = {name: self._copied(folder) for name, folder in spec.adapters.items()}
        state = self.service.start(
            self._spec(spec, adapters, interpreter, key or self.key or secrets.token_urlsafe(32)),
            progress, timeout=timeout, owner=owner,
        )  # fmt: skip
        self._forget_all_but(set(adapters.values()))
        return self._state(state.url)

    def status(self) -> ChatState | None:
        """Its state; None when it does not run."""
        state = self.service.status()
        return None if state is None else self._state(state.url)

    def stop(self) -> bool:
        """Stop it; its key and its copies stay.

        :returns: whether it ran.
        """
        return self.service.stop()

    def delete(self) -> bool:
        """Stop it and delete its folder.

        :returns: whether there was anything.
        """
        return self.service.remove()

    # -- how ------------------------------------------------------------------------------------------------------

    def _state(self, url: str) -> ChatState:
        config = json.loads(self.service.file("config.json") or "{}")
        names = [one["name"] for one in (config["base"], *config["adapters"])]
        return ChatState(self.name, f"{url}/v1", tuple(names), self.key or "")

    def _copied(self, folder: Path) -> Path:
        """A copy of an adapter: what is served does not change under the server."""
        if not (folder / ADAPTER_WEIGHTS).is_file() or not (folder / ADAPTER_CONFIG).is_file():
            raise FateInputError(f"adapter={str(folder)!r} holds no adapter.", hint="Give adapter.output.")
        read_tensor_file(folder / ADAPTER_WEIGHTS)
        names = [name for name in _FILES if (folder / name).is_file()]
        digest = "".join(sha256_of(folder / name)[:16] for name in names)
        copy = self.service.folder / "adapters" / digest
        if not copy.is_dir():
            building = copy.with_name(f".{digest}.{secrets.token_hex(4)}")
            building.mkdir(parents=True, mode=0o700)
            for name in names:
                shutil.copyfile(folder / name, building / name)
            try:
                building.rename(copy)
            except OSError:  # somebody else has made it meanwhile
                shutil.rmtree(building)
        return copy

    def _forget_all_but(self, used: set[Path]) -> None:
        adapters = self.service.folder / "adapters"
        for one in adapters.iterdir() if adapters.is_dir() else ():
            if one not in used:
                shutil.rmtree(one, ignore_errors=True)

    def _spec(self, spec: ChatSpec, adapters: Mapping[str, Path], python: Path, key: str) -> ServiceSpec:
        threads = spec.threads or cores()
        config = {
            "base": {"name": spec.base_name, "folder": str(spec.base)},
            "adapters": [{"name": name, "folder": str(folder)} for name, folder in adapters.items()],
            "max_new_tokens": spec.max_new_tokens, "max_seconds": spec.max_seconds, "waiting": spec.waiting,
            "dtype": "auto", "threads": threads,
        }  # fmt: skip
        # As files of the service, so that another version of them is another specification.
        files = {name: (PAYLOAD / name).read_text() for name in ("fate_llm_chat.py", "fate_llm_common.py")}
        return ServiceSpec(
            command=[str(python), "{files}/fate_llm_chat.py", "{host}", "{port}", "{files}/config.json"],
            env={**script_environment(threads), "HF_HOME": "{folder}/hub", "PYTHONDONTWRITEBYTECODE": "1"},
            secret_env={"FATE_CHAT_KEY": key},
            files={**files, "config.json": json.dumps(config, indent=1) + "\n", _KEY: key},
            health="/health",
        )
