"""Let a tuned language model answer on the worker's machine, ask it, and stop it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_fate.links.service import FateEndpointLink
from airflow_provider_fate.operators._moments import seconds

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.llm.openai import ChatClient

_LARGEST_SAMPLES = 64 << 20


class _ChatOperator(BaseOperator):
    """What fails for a wrong argument fails at once."""

    ui_color = "#e3eefc"

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Fail without another try where the arguments are wrong."""
        from airflow_provider_fate.errors import FateAuthError, FateInputError

        try:
            yield
        except (FateInputError, FateAuthError) as e:
            raise AirflowFailException(str(e)) from None


class FateChatServeOperator(_ChatOperator):
    """Start a server that answers over OpenAI's protocol with a base model and its adapters, and wait until it does.

    It runs on the machine of the worker, on the loopback interface and on its CPUs, and goes on when the task has
    ended, until :class:`FateChatStopOperator` stops it; it is started again when it dies. Clients ask for a model by
    its name: ``/v1/models``, ``/v1/chat/completions``, ``/v1/completions``. One that runs with the same settings is
    left as it is; with other settings, or another adapter, it is started anew. The task may run again.

    Clients send a key, which is in no link, log or XCom: the password of ``api_key_conn_id``, or one that is made at
    the first start and kept in a file that only the worker's user can read.

    :param name: its name: small letters, digits and ``-``. (templated)
    :param adapter: the result of ``FateAdapterOperator``, or the folder of an adapter; several as a mapping, by the
        names under which clients ask for them; ``None``: the base model alone answers. (templated)
    :param model: name of a single adapter for clients; default: that of the server. (templated)
    :param base_model: folder of the base model on the worker; default: that with which the adapter was compared.
        (templated)
    :param base_name: name of the base model for clients. (templated)
    :param max_new_tokens: longest answer.
    :param max_seconds: longest time for an answer, which is given as far as it is then.
    :param waiting: requests that may wait for others; more are turned away (HTTP 429).
    :param threads: CPUs that it uses; default: all.
    :param api_key_conn_id: an Airflow connection whose password is the key. (templated)
    :param start_timeout: how long it may take until it answers, ``timedelta`` or seconds.
    :returns: ``{"service", "url", "models", "model", "adapters", "machine"}`` as XCom; ``url`` is what OpenAI's clients
        take as ``base_url``, ``model`` the name to ask for.
    :raises AirflowFailException: an argument is wrong, or adapter and base model do not go together. Not retried.
    """

    template_fields: Sequence[str] = ("name", "adapter", "model", "base_model", "base_name", "api_key_conn_id")
    operator_extra_links = (FateEndpointLink(),)

    def __init__(
        self,
        *,
        name: str,
        adapter: str | Path | Mapping[str, Any] | None = None,
        model: str | None = None,
        base_model: str | Path | None = None,
        base_name: str = "base",
        max_new_tokens: int = 512,
        max_seconds: float = 300.0,
        waiting: int = 16,
        threads: int | None = None,
        api_key_conn_id: str | None = None,
        start_timeout: timedelta | float = timedelta(minutes=10),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.adapter = str(adapter) if isinstance(adapter, Path) else adapter
        self.model = model
        self.base_model = str(base_model) if isinstance(base_model, Path) else base_model
        self.base_name = base_name
        self.max_new_tokens = max_new_tokens
        self.max_seconds = max_seconds
        self.waiting = waiting
        self.threads = threads
        self.api_key_conn_id = api_key_conn_id
        self.start_timeout = seconds("start_timeout", start_timeout)

    def execute(self, context: Context) -> dict[str, Any]:
        """Start it."""
        with self.explained(), TemporaryDirectory(prefix="fate-chat-") as temporary:
            return self._start(Path(temporary), context)

    def _start(self, temporary: Path, context: Context) -> dict[str, Any]:
        from airflow_provider_fate.compat import mask_in_logs
        from airflow_provider_fate.llm.chat import ChatSpec, LocalChat
        from airflow_provider_fate.operators._texts import (
            base_folder,
            card_of_adapter,
            fetch_adapter,
            require_same_base,
        )

        chat = LocalChat(str(self.name))
        given = self._adapters()
        base = base_folder(self.base_model, next(iter(given.values()), None))
        folders: dict[str, Path] = {}
        for number, (name, one) in enumerate(given.items()):
            (folder := temporary / str(number)).mkdir()
            sha256 = fetch_adapter(one, folder)
            if not require_same_base(card_of_adapter(folder), base):
                self.log.warning("Whether %s is the base model of %s is not known", base.path, name)
            folders[name] = folder
            self.log.info("Model %s is the adapter with sha256 %s", name, sha256)
        spec = ChatSpec(
            base=base.path, base_name=self.base_name, adapters=folders, max_new_tokens=self.max_new_tokens,
            max_seconds=self.max_seconds, waiting=self.waiting, threads=self.threads,
        )  # fmt: skip
        key = _password(self.api_key_conn_id)
        for secret in (key, chat.key):
            if secret:
                mask_in_logs(secret)
        state = chat.start(spec, self.log.info, key=key, timeout=self.start_timeout)
        FateEndpointLink.persist(context, f"{state.url}/models")
        machine = socket.gethostname()
        where = f"the password of the connection {self.api_key_conn_id}" if key else f"in {chat.key_file}"
        self.log.info(
            "Chat server %s is at %s on %s with the models %s; clients need a key: %s",
            *(self.name, state.url, machine, ", ".join(state.models), where),
        )
        return {
            "service": self.name,
            "url": state.url,
            "models": list(state.models),
            "model": next(iter(folders), self.base_name),
            "adapters": {name: one.get("adapter_sha256") if isinstance(one, Mapping) else None
                         for name, one in given.items()},
            "machine": machine,
        }  # fmt: skip

    def _adapters(self) -> dict[str, Any]:
        """What each name stands for."""
        from airflow_provider_fate.errors import FateInputError

        given: Any = self.adapter
        if given is None or given == "":
            return {}
        if isinstance(given, Mapping) and "adapter" not in given:
            if self.model:
                raise FateInputError(
                    f"model={self.model!r} does not go with several adapters.", hint="Their names are the mapping's."
                )
            return {str(name): one for name, one in given.items()}
        return {str(self.model or self.name): given}


class FateChatCheckOperator(_ChatOperator):
    """Ask a chat server over OpenAI's protocol, and compare its answers.

    Works with any server that speaks it: that of :class:`FateChatServeOperator`, vLLM, KServe's runtime for Hugging
    Face. With ``samples``, the answers that the evaluation has got are expected again: what answers is what was judged.

    :param service: the result of :class:`FateChatServeOperator`, or the name of a server on this machine. (templated)
    :param url: ``base_url`` of another server, in the place of ``service``. (templated)
    :param model: which model to ask; default: that of the result, else the only one. (templated)
    :param prompts: what to ask; each has to be answered with some text. (templated)
    :param samples: the answers that ``FateTextEvaluateOperator(samples=...)`` has kept: its result, or the file.
        (templated)
    :param max_samples: so many of them are asked at most.
    :param min_agreement: share of the samples that must be answered as before. Numbers are added in another order
        where several rows are computed at once, which may tip a choice of words here and there.
    :param max_tokens: longest answer; of samples, as long as theirs were allowed to be.
    :param max_latency: bound of the 95th percentile of the time for an answer, ``timedelta`` or seconds; default: any.
    :param api_key_conn_id: an Airflow connection whose password is the key of ``url``. (templated)
    :returns: ``{"url", "model", "asked", "agreement", "latency_ms", "answers"}`` as XCom; ``answers`` to ``prompts``.
    :raises AirflowFailException: an argument is wrong, the server lacks the model or does not take the key, an answer
        is empty, too few agree, or they take too long. Not retried.
    :raises FateConnectionError: it does not answer. Retried.
    """

    template_fields: Sequence[str] = ("service", "url", "model", "prompts", "samples", "api_key_conn_id")

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any] | None = None,
        url: str | None = None,
        model: str | None = None,
        prompts: Sequence[str] = (),
        samples: str | Mapping[str, Any] | None = None,
        max_samples: int = 20,
        min_agreement: float = 0.9,
        max_tokens: int = 128,
        max_latency: timedelta | float | None = None,
        api_key_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.url = url
        self.model = model
        self.prompts = prompts
        self.samples = samples
        self.max_samples = max_samples
        self.min_agreement = min_agreement
        self.max_tokens = max_tokens
        self.max_latency = None if max_latency is None else seconds("max_latency", max_latency)
        self.api_key_conn_id = api_key_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask, and compare."""
        from airflow_provider_fate.errors import FateServiceUnfit

        with self.explained():
            try:
                return self._ask()
            except FateServiceUnfit as e:
                raise AirflowFailException(str(e)) from None

    def _ask(self) -> dict[str, Any]:
        import math

        from airflow_provider_fate.errors import FateServiceUnfit
        from airflow_provider_fate.llm.openai import ChatClient

        prompts, samples = self._questions()
        url, key = self._address()
        took: list[float] = []
        answers: list[str] = []
        agreed = 0
        with ChatClient(url, key) as client:
            model = self._model(client)
            for prompt in prompts:
                answer = client.chat(model, prompt, max_tokens=self.max_tokens)
                took.append(answer.milliseconds)
                if not answer.text.strip():
                    raise FateServiceUnfit(f"{model} answers {prompt[:80]!r} with nothing.")
                answers.append(answer.text)
                self.log.info("%s\n-> %s", prompt, answer.text)
            for prompt, expected in samples:
                answer = client.chat(model, prompt, max_tokens=self.max_tokens)
                took.append(answer.milliseconds)
                if _same(answer.text, expected):
                    agreed += 1
        agreement = agreed / len(samples) if samples else None
        if agreement is not None and agreement < self.min_agreement:
            raise FateServiceUnfit(
                f"{model} answers {agreed} of {len(samples)} samples as in the evaluation, and "
                f"{self.min_agreement:.0%} are needed.",
                hint="Is it the adapter that was judged, are prompts laid out as in its training (fate_prompt.json), "
                "and is max_tokens that of the evaluation?",
            )
        latency = sorted(took)[math.ceil(0.95 * len(took)) - 1]
        if self.max_latency is not None and latency > 1000 * self.max_latency:
            raise FateServiceUnfit(
                f"{model} takes {latency:.0f} ms for an answer (95 % of {len(took)}), more than "
                f"{1000 * self.max_latency:.0f} ms."
            )
        self.log.info("%s answers: %d questions, 95 %% within %.0f ms", model, len(took), latency)
        return {
            "url": url, "model": model, "asked": len(took), "agreement": agreement, "latency_ms": round(latency, 3),
            "answers": answers,
        }  # fmt: skip

    def _questions(self) -> tuple[list[str], list[tuple[str, str]]]:
        from airflow_provider_fate.errors import FateInputError

        given: Any = self.prompts
        prompts = [given] if isinstance(given, str) else list(given or ())
        if not all(isinstance(one, str) and one.strip() for one in prompts):
            raise FateInputError(f"prompts={given!r} are not texts.")
        if not 0 <= self.min_agreement <= 1:
            raise FateInputError(f"min_agreement={self.min_agreement!r} is not a share from 0 to 1.")
        for name in ("max_samples", "max_tokens"):
            if getattr(self, name) < 1:
                raise FateInputError(f"{name}={getattr(self, name)!r} is less than 1.")
        samples = self._samples()
        if not prompts and not samples:
            raise FateInputError("Nothing is to be asked.", hint="Give prompts=, or samples= of the evaluation.")
        return prompts, samples

    def _samples(self) -> list[tuple[str, str]]:
        import json

        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.storage.folder import fetch_file, require_no_password

        if not self.samples:
            return []
        given: Any = self.samples
        place = given.get("samples") if isinstance(given, Mapping) else given
        if not isinstance(place, str) or not place:
            raise FateInputError(
                f"samples={given!r} names no file.", hint="Let the evaluation keep its answers: samples='.../a.jsonl'."
            )
        require_no_password("samples", place)
        with TemporaryDirectory(prefix="fate-samples-") as folder:
            file = Path(folder) / "samples.jsonl"
            try:
                fetch_file(place, file)
                if file.stat().st_size > _LARGEST_SAMPLES:
                    raise FateInputError(f"samples={place!r} has {file.stat().st_size:,} bytes.")
                rows = [json.loads(line) for line in file.read_text().splitlines()[: self.max_samples]]
                return [(str(row["content"]), str(row["answer"])) for row in rows]
            except FileNotFoundError:
                raise FateInputError(f"samples={place!r} is not there.") from None
            except (ValueError, KeyError, TypeError):
                raise FateInputError(
                    f"samples={place!r} are no answers of an evaluation.", hint="FateTextEvaluateOperator keeps them."
                ) from None

    def _address(self) -> tuple[str, str | None]:
        from airflow_provider_fate.compat import mask_in_logs
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.llm.chat import LocalChat

        if (self.service is None) == (self.url is None):
            raise FateInputError("service or url has to be given, and not both.")
        key = _password(self.api_key_conn_id)
        if key is not None:
            mask_in_logs(key)
        if self.url is not None:
            return self.url, key
        given: Any = self.service
        chat = LocalChat(str(given.get("service") if isinstance(given, Mapping) else given))
        state = chat.status()
        if state is None:
            raise FateInputError(
                f"The chat server {chat.name!r} does not run on this machine ({socket.gethostname()}).",
                hint="Serve it first, on the same worker: give these tasks one queue.",
            )
        mask_in_logs(state.key)
        return state.url, key or state.key

    def _model(self, client: ChatClient) -> str:
        from airflow_provider_fate.errors import FateInputError, FateServiceUnfit

        named = self.model or (self.service.get("model") if isinstance(self.service, Mapping) else None)
        there = client.models()
        if named is None and len(there) != 1:
            raise FateInputError(
                f"model is not given, and the server has {len(there)}.", hint=f"One of: {', '.join(there)}."
            )
        model = str(named or there[0])
        if model not in there:
            raise FateServiceUnfit(f"The server has no model {model!r}; it has {', '.join(there) or 'none'}.")
        return model


class FateChatStopOperator(_ChatOperator):
    """Stop a chat server of this machine. One that does not run is stopped already; the task may run again.

    :param name: its name, or the result of :class:`FateChatServeOperator`. (templated)
    :param delete: whether its folder goes, too: its log, its key, its copies of adapters. Adapters and base model stay
        where they are.
    :returns: ``{"service", "stopped"}`` as XCom: whether there was anything.
    """

    template_fields: Sequence[str] = ("name",)

    def __init__(self, *, name: str | Mapping[str, Any], delete: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.delete = delete

    def execute(self, context: Context) -> dict[str, Any]:
        """Stop it."""
        from airflow_provider_fate.llm.chat import LocalChat

        with self.explained():
            given: Any = self.name
            chat = LocalChat(str(given.get("service") if isinstance(given, Mapping) else given))
            stopped = chat.delete() if self.delete else chat.stop()
        self.log.info("Chat server %s %s", chat.name, "is stopped" if stopped else "did not run on this machine")
        return {"service": chat.name, "stopped": stopped}


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()) == " ".join(other.split())


def _password(conn_id: str | None) -> str | None:
    """The key in a connection."""
    if not conn_id:
        return None
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_fate.errors import FateInputError

    password = BaseHook.get_connection(conn_id).password
    if not password:
        raise FateInputError(
            f"api_key_conn_id={conn_id!r} names a connection without a password.",
            hint="The key of the server stands there.",
        )
    return str(password)
