"""Which version of a service a request goes to, and what became of it: plain values, nothing of HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LIMITS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""Upper limits of the histogram of latencies."""


@dataclass(frozen=True)
class Target:
    """A live version.

    :param version: as clients know it.
    :param key: as the model server does.
    :param share: of the requests, in percent.
    """

    version: str
    key: str
    share: int


@dataclass
class Counts:
    """What a version was asked."""

    requests: int = 0
    errors: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * len(LIMITS_MS))

    def add(self, milliseconds: float, failed: bool) -> None:
        """Count an answer."""
        self.requests += 1
        self.errors += failed
        for number, limit in enumerate(LIMITS_MS):
            if milliseconds <= limit:
                self.buckets[number] += 1

    def to_json(self) -> dict[str, Any]:
        """As the backend reads it."""
        latencies = {str(limit): count for limit, count in zip(LIMITS_MS, self.buckets, strict=True)}
        return {"requests": self.requests, "errors": self.errors, "latencies": latencies | {"inf": self.requests}}


@dataclass
class Route:
    """A service that was brought about.

    :param generation: of the spec that it is of.
    :param tracks: ``stable`` and ``canary``, as far as there are; none: it is stopped.
    """

    name: str
    generation: int
    tracks: Mapping[str, Target]
    counts: dict[str, Counts] = field(default_factory=dict)
    _owed: int = 50  # half a request: the first canary's turn comes in the middle of its interval

    def pick(self, version: str | None = None) -> str | None:
        """Choose the track of the next request; ``None``: there is none.

        Not by dice: of any hundred requests in a row the canary gets its share, to the request.

        :param version: the one that the client asks for; it takes no part in the share.
        """
        if version is not None:
            return next((track for track, target in self.tracks.items() if target.version == version), None)
        if (canary := self.tracks.get("canary")) is not None:
            self._owed += canary.share
            if self._owed >= 100:
                self._owed -= 100
                return "canary"
        return "stable" if "stable" in self.tracks else None

    def count(self, target: Target, milliseconds: float, failed: bool) -> None:
        """Count an answer of a version, unless it is live no more."""
        if any(target.version == live.version for live in self.tracks.values()):
            self.counts.setdefault(target.version, Counts()).add(milliseconds, failed)

    def followed_by(self, generation: int, tracks: Mapping[str, Target]) -> Route:
        """The next route: versions that stay live keep their counts."""
        kept = {target.version for target in tracks.values()}
        counts = {version: counts for version, counts in self.counts.items() if version in kept}
        return Route(self.name, generation, dict(tracks), counts)


def write_json(path: Path, data: object) -> None:
    """Replace a file in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(data) + "\n")
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a file; ``None``: there is none, or it is no JSON."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def save_route(path: Path, route: Route, phase: str, reason: str) -> None:
    """Write down what is live, for the backend and for the next router."""
    tracks = {track: asdict(target) for track, target in route.tracks.items()}
    write_json(path, {"generation": route.generation, "phase": phase, "reason": reason, "live": tracks})


def load_route(path: Path, name: str) -> Route | None:
    """Read what was live; ``None``: nothing was."""
    if (data := read_json(path)) is None:
        return None
    return Route(name, int(data["generation"]), {track: Target(**one) for track, one in data["live"].items()})
