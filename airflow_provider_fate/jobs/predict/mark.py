"""What a predict job says about itself: which task scores, and with whose model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

__all__ = ["MARK", "Scoring"]

MARK = "predict"
"""Key in a job's ``conf.extra``, which FATE stores and ignores."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a predict job does.

    :ivar task: the task that scores.
    :ivar output: its output with the scores.
    :ivar model_id: the model that it scores with.
    :ivar model_version: version of that model.
    :ivar trained_by: the job that trained it.
    :ivar psi: the task that matches the rows of the parties; ``None`` where nothing is matched.
    :ivar registered: version and name of the model in a registry, ``7 credit_risk``, where it was named by these.
    """

    task: str
    output: str
    model_id: str
    model_version: str
    trained_by: str | None = None
    psi: str | None = None
    registered: str | None = None

    def mark(self) -> dict[str, Any]:
        """As it stands in ``conf.extra``."""
        return {MARK: {key: value for key, value in asdict(self).items() if value is not None}}

    @classmethod
    def read(cls, extra: Mapping[str, Any]) -> Self | None:
        """From ``conf.extra`` of a job; ``None`` for a job that was not derived here."""
        marked = extra.get(MARK)
        if not isinstance(marked, Mapping) or not {"task", "output", "model_id", "model_version"} <= marked.keys():
            return None
        known = {key: str(value) for key, value in marked.items() if key in cls.__dataclass_fields__}
        return cls(**known)
