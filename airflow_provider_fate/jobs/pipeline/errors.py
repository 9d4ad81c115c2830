"""The errors of compiling a pipeline."""

from __future__ import annotations

from typing import Any

from airflow_provider_fate.errors import FateInputError

__all__ = ["FatePipelineError"]


class FatePipelineError(FateInputError):
    """A fate-client pipeline could not be compiled: its environment could not be made, or its code failed.

    :ivar traceback: the traceback of the user's code, with its file and lines, if that is what failed.
    """

    def __init__(self, message: str, *, traceback: str | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.traceback = traceback

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.message, self.traceback and self.traceback.rstrip(), self.hint)))
