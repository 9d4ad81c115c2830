"""Asking a service: the Open Inference Protocol v2, with an input for each column."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_fate.errors import FateConnectionError, FateInputError, FateServerError

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "ServiceClient"]

SCORE = "score"


@dataclass(frozen=True)
class Answer:
    """What a service has answered.

    :param scores: of each row, one number or more.
    :param version: which version it was, as far as it tells.
    :param milliseconds: from the question to the whole answer.
    """

    scores: list[list[float]]
    version: str | None
    milliseconds: float


class ServiceClient:
    """Asks one URL; a context manager.

    :param url: where to POST, such as ``http://127.0.0.1:8500/v2/models/credit/infer``.
    :param timeout: seconds for an answer.
    """

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        import httpx

        self._url = url
        # A proxy of the environment must not stand between us and our own loopback.
        on_this_machine = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        self._client: httpx.Client = httpx.Client(timeout=timeout, trust_env=not on_this_machine)

    def score(self, columns: Mapping[str, Sequence[float]]) -> Answer:
        """Ask for the scores of rows.

        :param columns: values of each input, by its name.
        :raises FateInputError: the service refuses the request (HTTP 400 to 499).
        :raises FateServerError: it fails (500 and more), or its answer is not one of the protocol.
        :raises FateConnectionError: it does not answer.
        """
        import httpx

        rows = len(next(iter(columns.values())))
        body = {
            "inputs": [
                {"name": name, "shape": [rows, 1], "datatype": "FP32", "data": list(values)}
                for name, values in columns.items()
            ]
        }
        began = time.monotonic()
        try:
            reply = self._client.post(self._url, json=body)
        except httpx.HTTPError as error:
            raise FateConnectionError(f"{self._url} does not answer: {error!r}.", endpoint=self._url) from None
        took = 1000 * (time.monotonic() - began)
        if reply.status_code != 200:
            said = reply.text[:300]
            kind = FateInputError if 400 <= reply.status_code < 500 else FateServerError
            raise kind(f"{self._url} answers HTTP {reply.status_code}: {said}", endpoint=self._url)
        return _answer(reply.content, rows, took, self._url)

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _answer(content: bytes, rows: int, took: float, url: str) -> Answer:
    try:
        told: dict[str, Any] = json.loads(content)
        output = next(one for one in told["outputs"] if one["name"] == SCORE)
        numbers = [float(value) for value in output["data"]]
        width = len(numbers) // rows
        if not numbers or rows * width != len(numbers):
            raise ValueError(f"{len(numbers)} numbers for {rows} rows")
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise FateServerError(
            f"{url} does not answer as the Open Inference Protocol v2 has it: {error!r}; {content[:200]!r}",
            endpoint=url,
        ) from None
    version = told.get("model_version")
    scores = [numbers[start : start + width] for start in range(0, len(numbers), width)]
    return Answer(scores, str(version) if version is not None else None, took)
