"""Asking a chat server over OpenAI's protocol, whoever it is: the local one, vLLM, KServe's own runtime."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_fate.errors import FateAuthError, FateConnectionError, FateInputError, FateServerError

if TYPE_CHECKING:
    import httpx

__all__ = ["ChatAnswer", "ChatClient"]


@dataclass(frozen=True)
class ChatAnswer:
    """What a model has answered.

    :param text: the answer.
    :param finish: why it ended: ``"stop"``, or ``"length"`` where it was cut.
    :param tokens: of the answer; ``None``: the server does not tell.
    :param milliseconds: from the question to the whole answer.
    """

    text: str
    finish: str
    tokens: int | None
    milliseconds: float


class ChatClient:
    """Asks one server; a context manager.

    :param url: its ``base_url``, such as ``http://127.0.0.1:8500/v1``.
    :param key: what lets a client in; ``None``: it asks for nothing.
    :param timeout: seconds for an answer.
    :param verify: how TLS is verified: ``True``, or the path of a file of authorities.
    """

    def __init__(self, url: str, key: str | None = None, timeout: float = 120.0, verify: bool | str = True) -> None:
        import httpx

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.password or parts.username:
            raise FateInputError(
                f"url={parts.hostname or url!r} is no address of a chat server.",
                hint="Write it as http://127.0.0.1:8500/v1, without credentials: the key comes from a connection.",
            )
        self.url = url.rstrip("/")
        # A proxy of the environment must not stand between us and our own loopback.
        on_this_machine = parts.hostname in ("127.0.0.1", "localhost", "::1")
        self._client: httpx.Client = httpx.Client(
            timeout=timeout,
            trust_env=not on_this_machine,
            verify=verify,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def models(self) -> list[str]:
        """Names of the models that it has.

        :raises FateConnectionError: it does not answer.
        :raises FateAuthError: it does not take the key.
        :raises FateServerError: it fails, or does not speak OpenAI's protocol.
        """
        told, _ = self._ask("GET", "/models")
        try:
            return [str(one["id"]) for one in told["data"]]
        except (KeyError, TypeError):
            raise self._other_protocol(told) from None

    def chat(self, model: str, prompt: str, *, max_tokens: int = 128) -> ChatAnswer:
        """Ask a question, and get the answer that is most likely.

        :raises FateInputError: the server refuses the request.
        :raises FateConnectionError: it does not answer.
        :raises FateAuthError: it does not take the key.
        :raises FateServerError: it fails, or does not speak OpenAI's protocol.
        """
        body = {
            "model": model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        told, took = self._ask("POST", "/chat/completions", body)
        try:
            choice = told["choices"][0]
            text, finish = choice["message"]["content"], str(choice["finish_reason"])
            tokens = (told.get("usage") or {}).get("completion_tokens")
        except (KeyError, TypeError, IndexError):
            raise self._other_protocol(told) from None
        if not isinstance(text, str):
            raise self._other_protocol(told)
        return ChatAnswer(text, finish, tokens if isinstance(tokens, int) else None, took)

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[Any, float]:
        import httpx

        url = self.url + path
        began = time.monotonic()
        try:
            reply = self._client.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise FateConnectionError(f"{url} does not answer: {error!r}.", endpoint=url) from None
        took = 1000 * (time.monotonic() - began)
        try:
            told = json.loads(reply.content)
        except ValueError:
            told = None
        if reply.status_code in (401, 403):
            raise FateAuthError(f"{url} does not take the key (HTTP {reply.status_code}).", endpoint=url)
        if reply.status_code != 200:
            said = ((told.get("error") or {}) if isinstance(told, dict) else {}) or {}
            message = said.get("message") if isinstance(said, dict) else said
            refused = 400 <= reply.status_code < 500 and reply.status_code not in (408, 429)
            kind = FateInputError if refused else FateServerError
            raise kind(f"{url} answers HTTP {reply.status_code}: {str(message or reply.text)[:300]}", endpoint=url)
        return told, took

    def _other_protocol(self, told: Any) -> FateServerError:
        return FateServerError(
            f"{self.url} does not answer as OpenAI's protocol has it: {str(told)[:200]}", endpoint=self.url
        )

    def __enter__(self) -> ChatClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
