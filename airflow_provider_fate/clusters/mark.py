"""Who has asked for a cluster, written into its cluster.yaml as a comment: KubeFATE keeps the text as it was sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

__all__ = ["Mark"]

_LINE = re.compile(r"# airflow-provider-fate ([0-9a-f]{8,64}) (\d+)$", re.M)


@dataclass(frozen=True)
class Mark:
    """A task instance.

    :param key: digest of the task instance.
    :param epoch: which clear of it.
    """

    key: str
    epoch: int

    @property
    def text(self) -> str:
        """As a comment."""
        return f"# airflow-provider-fate {self.key} {self.epoch}"

    @classmethod
    def of(cls, document: str) -> Self | None:
        """The mark in a cluster.yaml; ``None``: somebody else has written it."""
        found = _LINE.match(document)
        return cls(found[1], int(found[2])) if found else None
