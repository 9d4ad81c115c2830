"""The app id and token by which a client is known to a local site that asks who it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from airflow_provider_fate.local.state import write_json

__all__ = ["Credentials"]


@dataclass(frozen=True)
class Credentials:
    """What signs a client's requests.

    :param app_id: public id of the app.
    :param token: its secret.
    """

    app_id: str
    token: str = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read them; None where the site asks nobody who it is."""
        try:
            data = json.loads(path.read_text())
            return cls(data["app_id"], data["token"])
        except FileNotFoundError:
            return None

    def save(self, path: Path) -> None:
        """Write them for nobody else's eyes."""
        write_json(path, {"app_id": self.app_id, "token": self.token}, private=True)
