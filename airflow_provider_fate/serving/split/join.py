"""Join what all parties answer to scores, as FATE's own predict job does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import (
    FateConfigError,
    FateConsentError,
    FateInputError,
    FateRowNotFound,
)
from airflow_provider_fate.serving.split.answers import LinearAnswers, TreeAnswers
from airflow_provider_fate.serving.split.document import LinearShare, SplitPart
from airflow_provider_fate.serving.split.features import FeatureFile
from airflow_provider_fate.serving.split.forest import Forest
from airflow_provider_fate.serving.split.peers import HostPeer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

__all__ = ["SplitScorer"]


class SplitScorer:
    """The guest's part, joined with those of the hosts.

    :param part: the guest's, signed off.
    :param features: its rows; ``None``: whoever asks gives its columns.
    :param peers: services of the hosts, by party id.
    :raises FateConfigError: a host that has a part in the model is not among them.
    """

    def __init__(self, part: SplitPart, features: FeatureFile | None, peers: Mapping[str, HostPeer]) -> None:
        self.part = part
        self._features = features
        self._linear: LinearAnswers | None = None
        share = part.share
        if isinstance(share, LinearShare):
            self._linear, self._link, needed = LinearAnswers(share), share.link, list(part.hosts)
            self.width = len(share.weights)
        else:
            assert share.shape is not None
            self._own = TreeAnswers(share)
            self._forest = Forest(share)
            self.width = share.shape.width
            needed = [host for host in part.hosts if f"host_{host}" in self._forest.owners]
            known = {part.site_name, *(f"host_{host}" for host in part.hosts)}
            if unknown := sorted(set(self._forest.owners) - known):
                raise FateConfigError(f"Trees have splits of {', '.join(unknown)}, which is no host of the job.")
        if missing := [host for host in needed if host not in peers]:
            raise FateConfigError(
                f"Nothing says where the service of host {', '.join(missing)} is.",
                hint="Give a connection for each host that has a part in the model.",
            )
        self.peers = {host: peers[host] for host in needed}

    async def look(self) -> None:
        """Check that all hosts serve their parts of this model.

        :raises FateError: the first one that does not.
        """
        self._require_consent()
        await asyncio.gather(*(peer.look() for peer in self.peers.values()))

    async def score(self, ids: Sequence[str], given: Mapping[str, Sequence[float]]) -> Numbers:
        """Score rows.

        :param ids: of the rows.
        :param given: columns of the guest, raw, that need not be looked up.
        :returns: for each row one number, or one for each class.
        :raises FatePartDown: a host does not answer.
        :raises FateRowNotFound: a party has no row of an id.
        :raises FateError: a host refuses.
        """
        self._require_consent()
        own = await asyncio.to_thread(self._own_rows, ids, given)
        unique = list(dict.fromkeys(ids))
        place = {who: number for number, who in enumerate(unique)}
        of = [place[who] for who in ids]
        try:
            if self._linear is not None:
                return await self._sum(own, unique, of)
            return await self._walk(own, unique, of)
        except FateRowNotFound as error:
            # Hosts were asked for each id once.
            lost = set(error.positions)
            error.positions = [number for number, one in enumerate(of) if one in lost]
            raise

    # -- linear ------------------------------------------------------------------------------------------------------

    async def _sum(self, own: Numbers, ids: Sequence[str], of: Sequence[int]) -> Numbers:
        import numpy as np

        assert self._linear is not None
        total = self._linear.sums(own)
        for sums in await asyncio.gather(*(peer.sums(ids, self.width) for peer in self.peers.values())):
            total = total + np.array(sums, dtype=np.float64)[of]
        return total if self._link == "identity" else _sigmoid(total)

    # -- trees -------------------------------------------------------------------------------------------------------

    async def _walk(self, own: Numbers, ids: Sequence[str], of: Sequence[int]) -> Numbers:
        """Down all trees at once: own splits first, then one question to each host, until all rows are in leaves."""
        forest, positions = self._forest, self._forest.start(len(of))
        while True:
            while len(here := forest.waiting(positions, self.part.site_name)):
                rows, trees, nodes = forest.questions(positions, here)
                left = self._own.to_the_left(own, rows.tolist(), trees.tolist(), nodes.tolist())
                forest.move(positions, here, left)
            asked = {host: forest.waiting(positions, f"host_{host}") for host in self.peers}
            if not any(len(here) for here in asked.values()):
                return self._finish(forest.sums(positions))
            await asyncio.gather(
                *(self._ask(host, positions, here, ids, of) for host, here in asked.items() if len(here))
            )

    async def _ask(
        self,
        host: str,
        positions: npt.NDArray[np.int64],
        here: npt.NDArray[np.int64],
        ids: Sequence[str],
        of: Sequence[int],
    ) -> None:
        """Ask a host for the directions that rows wait for, and for those rows only."""
        import numpy as np

        rows, trees, nodes = self._forest.questions(positions, here)
        whose = np.asarray(of, dtype=np.int64)[rows]
        order = np.argsort(whose, kind="stable")
        here, whose, trees, nodes = here[order], whose[order], trees[order], nodes[order]
        involved = np.unique(whose)
        try:
            left = await self.peers[host].directions(
                [ids[number] for number in involved.tolist()],
                np.searchsorted(involved, whose).tolist(),
                trees.tolist(),
                nodes.tolist(),
            )
        except FateRowNotFound as error:
            error.positions = [int(involved[number]) for number in error.positions]
            raise
        self._forest.move(positions, here, np.array(left, dtype=bool))

    def _finish(self, sums: Numbers) -> Numbers:
        import numpy as np

        objective = self._forest.shape.objective
        if objective == "regression":
            return sums
        if objective == "binary":
            return _sigmoid(sums)
        powers = np.exp(sums - sums.max(axis=1, keepdims=True))
        made: Numbers = powers / powers.sum(axis=1, keepdims=True)
        return made

    # -- the guest's own rows ----------------------------------------------------------------------------------------

    def _own_rows(self, ids: Sequence[str], given: Mapping[str, Sequence[float]]) -> Numbers:
        import numpy as np

        columns = self.part.columns
        if unknown := sorted(given.keys() - set(columns)):
            raise FateInputError(
                f"The guest's part has no column {', '.join(unknown)}.",
                hint=f"It has {', '.join(columns) or 'none'}; hosts' columns stay with the hosts.",
            )
        missing = [name for name in columns if name not in given]
        rows = np.full((len(ids), len(columns)), np.nan)
        if missing:
            if self._features is None:
                raise FateInputError(
                    f"Column {', '.join(missing)} is missing.",
                    hint="The guest's service has no rows of its own here: send its columns with the ids.",
                )
            unique = list(dict.fromkeys(ids))
            found, lost = self._features.look_up(unique)
            place = {who: number for number, who in enumerate(unique)}
            of = [place[who] for who in ids]
            if lost:
                where = [number for number, one in enumerate(of) if one in set(lost)]
                raise FateRowNotFound(
                    f"{self.part.who} has no row for {len(where)} of {len(ids)} ids.",
                    positions=where,
                    party=self.part.who,
                )
            rows = found[of]
        for name, values in given.items():
            # As FATE stores values.
            rows[:, columns.index(name)] = np.asarray(values, dtype=np.float64).astype(np.float32)
        if not self.part.may_miss and np.isnan(rows).any():
            raise FateInputError("A value of the guest's columns is missing.", hint="Give each; the model is linear.")
        return rows

    def _require_consent(self) -> None:
        if self.part.terms.ended():
            until = self.part.terms.until
            raise FateConsentError(
                f"The consent of {self.part.who} has ended at {until:%Y-%m-%d %H:%M %Z}.", party=self.part.who
            )


def _sigmoid(values: Numbers) -> Numbers:
    import numpy as np

    made: Numbers = 0.5 * (1.0 + np.tanh(0.5 * values))  # never overflows
    return made
