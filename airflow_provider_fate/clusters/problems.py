"""What is wrong with a cluster.yaml."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ClusterProblem"]


@dataclass(frozen=True)
class ClusterProblem:
    """One thing that is wrong.

    :param field: path of the key, such as ``python.httpNodePort``.
    :param reason: why.
    :param fix: what to write instead.
    :param value: the value, where it cannot be a secret.
    :param fatal: ``False``: a person may want it so, or it only may go wrong.
    """

    field: str
    reason: str
    fix: str = ""
    value: object = None
    fatal: bool = True

    def __str__(self) -> str:
        value = "" if self.value is None else f"={self.value!r}"
        return f"{self.field}{value}: {self.reason}" + (f" {self.fix}" if self.fix else "")
