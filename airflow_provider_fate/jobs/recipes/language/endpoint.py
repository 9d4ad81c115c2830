"""A large model that a party reaches over the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.plain import plain_errors

__all__ = ["ModelEndpoint"]


@plain_errors
class ModelEndpoint(BaseModel):
    """A server that speaks the protocol of OpenAI, as seen from the party that asks it.

    There is no field for a key: what is in a job is sent to all parties, and FATE keeps it beside the model. Where the
    server wants one, let a proxy at that party add it.

    :param url: its address up to the version, such as ``http://10.0.0.5:8000/v1/``.
    :param model: the name of the model there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(repr=False)
    model: Annotated[str, Field(min_length=1)]

    def conf(self) -> JsonObject:
        """Return the arguments of FATE-LLM's ``api_init``."""
        return {"api_url": self.url, "model_name": self.model}

    def problems(self, field: str) -> Iterator[Problem]:
        """Yield what is wrong with the address, without repeating what may be a secret in it."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            reason = "it is not the address of a server"
            yield Problem(f"{field}.url", None, reason, "Write it as in 'http://10.0.0.5:8000/v1/'.")
        elif "@" in parts.netloc or parts.query:
            yield Problem(
                f"{field}.url",
                f"{parts.scheme}://{parts.hostname}/...",
                "the whole job is sent to all parties, and kept with the model: no key or password may be in it",
                "Let a proxy at the party add it.",
            )
