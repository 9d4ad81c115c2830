"""Let a person decide about a model, in Airflow's own UI."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict

from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.card import ModelCard

NOTE = "note"
_LONGEST = 2000
"""Characters of a note that are kept."""


class FateApprovalOperator(ApprovalOperator):
    """Ask a person whether a model may go on, with its card, the gate's verdict and the difference to the champion.

    The task waits for an answer under *Required Actions* of Airflow's UI, or from its REST API, and takes no worker
    meanwhile. Without one in time the model is rejected. Where it is approved, the card says by whom.

    :param model: the result of an export or of a registration, or the path of a ``card.json``. (templated)
    :param verdict: the result of :class:`~airflow_provider_fate.operators.gate.FateQualityGateOperator`. (templated)
    :param champion: the present model, as ``model``, or anything with metrics; its figures are shown next to the new
        ones. ``None``, also as the XCom of a task that was skipped: there is none. (templated)
    :param body: Markdown before all that. (templated)
    :param subject: headline. (templated)
    :param response_timeout: how long to wait; ``None`` for ever.
    :param write_card: write into the card who has approved. Where that fails the log says so, and the task goes on:
        the XCom has it, too.
    :param fail_on_reject: fail where the model is rejected; else the tasks that depend on this one are skipped.
    :param kwargs: all else is as with Airflow's ``ApprovalOperator``: ``assigned_users`` says who may answer, and
        ``notifiers`` who is told. The answer has a note, and no ``params`` besides.
    :returns: ``{"approved", "by", "by_id", "at", "note", "timed_out"}`` as XCom, also where it is rejected. Under the
        key ``tags`` there are ``approved_by``, ``approved_at`` and ``approval_note`` of an approved model, as
        ``FateModelRegisterOperator(tags=approve.output["tags"])`` takes them.
    :raises AirflowFailException: the card is not there or is none, or the verdict is none. Not retried.
    """

    template_fields: Collection[str] = (*ApprovalOperator.template_fields, "model", "verdict", "champion")

    def __init__(
        self,
        *,
        model: Mapping[str, Any] | str | None = None,
        verdict: Mapping[str, Any] | None = None,
        champion: Mapping[str, Any] | str | None = None,
        subject: str = "May this model go on?",
        response_timeout: timedelta | None = timedelta(days=1),
        write_card: bool = True,
        **kwargs: Any,
    ) -> None:
        if "defaults" in kwargs:
            raise FateInputError(
                f"defaults={kwargs['defaults']!r}: without an answer a model is always rejected.", hint="Leave it out."
            )
        kwargs.pop("params", None)
        if model is None and verdict is None:
            raise FateInputError(
                "Neither model nor verdict is given: there is nothing to decide about.",
                hint="Give export.output, gate.output or both.",
            )
        note = Param("", type=["null", "string"], maxLength=_LONGEST, title="Note", description="Why, for the record")
        super().__init__(
            subject=subject,
            defaults=self.REJECT,
            response_timeout=response_timeout,
            **kwargs,
        )
        # Airflow gives the params of the DAG to each task, and 3.1 would make fields of the answer of them.
        self.params = ParamsDict({NOTE: note})
        self.model = model
        self.verdict = verdict
        self.champion = champion
        self.write_card = write_card

    def execute(self, context: Context) -> Any:
        """Write the question, and wait."""
        from airflow_provider_fate.errors import FateConfigError

        try:
            self.body = self._body()
        except (FateInputError, FateConfigError) as e:
            raise AirflowFailException(str(e)) from None
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Take the answer."""
        if "error" in event:
            return super().execute_complete(context, event)  # raises
        answer = self._answer(event)
        ti = context["ti"]
        ti.xcom_push(key="return_value", value=answer)  # a task that skips others returns nothing
        if answer["approved"]:
            self.log.info("%s has approved%s", answer["by"], f": {answer['note']}" if answer["note"] else "")
            tags = {"approved_by": answer["by"], "approved_at": answer["at"], "approval_note": answer["note"]}
            ti.xcom_push(key="tags", value={name: value for name, value in tags.items() if value})
            if self.write_card:
                self._sign(answer)
        else:
            who = "Nobody has answered in time: the model" if answer["timed_out"] else f"{answer['by']}: the model"
            self.log.info("%s is rejected%s", who, f": {answer['note']}" if answer["note"] else "")
        super().execute_complete(context, event)
        return answer

    # -- the question ----------------------------------------------------------------------------------------------

    def _body(self) -> str:
        from airflow_provider_fate.models.card_text import card_markdown
        from airflow_provider_fate.models.decide.text import verdict_markdown

        card = self._card()
        parts = [str(self.body)] if self.body else []
        if (verdict := self._verdict()) is not None:
            parts.append(verdict_markdown(verdict))
        if (difference := self._difference(card)) is not None:
            parts.append(difference)
        if card is not None:
            parts.append(card_markdown(card))
        return "\n\n".join(parts)

    def _card(self) -> ModelCard | None:
        from airflow_provider_fate.operators._evidence import card_place, is_nothing, read_card

        if is_nothing(self.model):
            return None
        if (place := card_place(self.model)) is None:
            raise FateInputError(
                f"model={self.model!r} has no card.", hint="Give export.output, or the path of its card.json."
            )
        return read_card(place)

    def _verdict(self) -> Any:
        from pydantic import ValidationError

        from airflow_provider_fate.models.decide.verdict import GateVerdict
        from airflow_provider_fate.operators._evidence import is_nothing

        if is_nothing(self.verdict):
            return None
        try:
            return GateVerdict.model_validate(self.verdict)
        except ValidationError as error:
            first = error.errors()[0]
            raise FateInputError(
                f"verdict is not that of a gate ({'.'.join(map(str, first['loc'])) or 'value'}: {first['msg']}).",
                hint="Give gate.output of a FateQualityGateOperator.",
            ) from None

    def _difference(self, card: ModelCard | None) -> str | None:
        from airflow_provider_fate.models.decide.text import difference_markdown
        from airflow_provider_fate.operators._evidence import is_nothing, read_metrics

        if is_nothing(self.champion):
            return None
        champion: Any = self.champion
        version = champion.get("version") if isinstance(champion, Mapping) else None
        name = f"the champion, version {version}" if version else "the champion"
        return difference_markdown(card.metrics if card is not None else {}, read_metrics(champion), name)

    # -- the answer ------------------------------------------------------------------------------------------------

    def _answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        user = event.get("responded_by_user") or {}
        at: Any = event.get("responded_at")
        note = (event.get("params_input") or {}).get(NOTE)
        return {
            "approved": list(event["chosen_options"]) == [self.APPROVE],
            "by": user.get("name") or user.get("id"),
            "by_id": user.get("id"),
            "at": at.isoformat() if hasattr(at, "isoformat") else at,
            "note": note.strip()[:_LONGEST] if isinstance(note, str) else "",
            "timed_out": bool(event.get("timedout", not user)),
        }

    def _sign(self, answer: Mapping[str, Any]) -> None:
        """Write who has approved into the card, also the one for people, which lies beside it."""
        from airflow_provider_fate.models.card import CardApproval
        from airflow_provider_fate.models.card_text import card_markdown
        from airflow_provider_fate.operators._evidence import card_place
        from airflow_provider_fate.storage.folder import StoredFolder

        # The answer is given, and would have to be asked for again: nothing here may fail the task.
        try:
            card = self._card()
            if card is None:
                return
            approval = CardApproval(by=answer["by"], at=answer["at"], note=answer["note"] or None)
            signed = card.approved(approval)
            folder, _, name = str(card_place(self.model)).rpartition("/")
            place = StoredFolder(folder)
            text = self.model.get("card_text") if isinstance(self.model, Mapping) else None
            text = str(text).rpartition("/")[2] if text else f"{name.removesuffix('.json')}.md"
            place.write(text, card_markdown(signed).encode())
            place.write(name, signed.to_json().encode())
        except Exception as error:
            self.log.warning("The card does not say who has approved, since it could not be written: %s", error)
