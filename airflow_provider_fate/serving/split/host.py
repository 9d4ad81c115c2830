"""A host's side: what it answers, to whom, and how often."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_fate.clients.split.messages import (
    DirectionsAnswer,
    DirectionsQuestion,
    ModelKey,
    PartAnswer,
    SumsAnswer,
    SumsQuestion,
)
from airflow_provider_fate.errors import FateConsentError, FateInputError, FateOtherModelError, FateRowNotFound
from airflow_provider_fate.serving.split.answers import LinearAnswers, TreeAnswers
from airflow_provider_fate.serving.split.document import LinearShare, SplitPart
from airflow_provider_fate.serving.split.features import FeatureFile
from airflow_provider_fate.serving.split.ledger import RowLedger

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["HostPart"]

log = logging.getLogger(__name__)


class HostPart:
    """The part of a host, with its rows. Threads may share one.

    :param part: what it serves, signed off.
    :param features: its rows.
    :param ledger: counts what is answered.
    """

    def __init__(self, part: SplitPart, features: FeatureFile, ledger: RowLedger) -> None:
        self.part = part
        self._features = features
        self._ledger = ledger
        self._answers: LinearAnswers | TreeAnswers
        if isinstance(part.share, LinearShare):
            self._answers = LinearAnswers(part.share, part.terms.digits)
        else:
            self._answers = TreeAnswers(part.share)

    def describe(self) -> PartAnswer:
        """What is served, as far as the guest needs to know it.

        :raises FateConsentError: the consent has ended.
        """
        self._require_consent()
        part = self.part
        return PartAnswer(
            model=part.model,
            party_id=part.party_id,
            guest=part.guest,
            kind=part.share.kind,
            classes=len(part.share.weights) if isinstance(part.share, LinearShare) else 0,
            rows_per_request=part.terms.rows_per_request,
            until=part.terms.until.isoformat() if part.terms.until else None,
        )

    def sums(self, question: SumsQuestion) -> SumsAnswer:
        """Partial sums.

        :raises FateError: the question is refused; nothing of any row is told then.
        """
        if not isinstance(self._answers, LinearAnswers):
            raise FateInputError("This part is of trees: it has directions, and no sums.", hint="Ask for directions.")
        raw = self._rows(question.model, question.ids)
        sums = self._answers.sums(raw)
        log.info("answered the sums of %d rows", len(question.ids))
        return SumsAnswer(model=self.part.model, sums=sums.tolist())

    def directions(self, question: DirectionsQuestion) -> DirectionsAnswer:
        """Directions at splits.

        :raises FateError: the question is refused; nothing of any row is told then.
        """
        if not isinstance(self._answers, TreeAnswers):
            raise FateInputError("This part is linear: it has sums, and no directions.", hint="Ask for sums.")
        self._answers.require_known(question.trees, question.nodes)
        raw = self._rows(question.model, question.ids)
        left = self._answers.to_the_left(raw, question.rows, question.trees, question.nodes)
        log.info("answered %d directions of %d rows", len(question.rows), len(question.ids))
        return DirectionsAnswer(model=self.part.model, left=left.astype(int).tolist())

    def _rows(self, model: ModelKey, ids: list[str]) -> npt.NDArray[np.float64]:
        self._require_consent()
        if model != self.part.model:
            raise FateOtherModelError(f"{self.part.who} serves {self.part.model}, and was asked for {model}.")
        self._ledger.take(len(ids))
        raw, unknown = self._features.look_up(ids)
        if unknown:
            raise FateRowNotFound(
                f"{self.part.who} has no row that it may be asked for, for {len(unknown)} of {len(ids)} ids.",
                positions=unknown,
            )
        return raw

    def _require_consent(self) -> None:
        if self.part.terms.ended():
            until = self.part.terms.until
            raise FateConsentError(f"The consent of {self.part.who} has ended at {until:%Y-%m-%d %H:%M %Z}.")
