"""How good are the answers of a tuned language model, and are they better than before?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.card import CardEvaluation, ModelCard

SAMPLES = "answers.jsonl"


class FateTextEvaluateOperator(BaseOperator):
    """Judge an adapter on rows that the training has not seen, against its base model.

    Runs in an environment with torch for the CPU, which is made once on the worker (``airflow-provider-fate[local]``).
    Rows are laid out as in the training. The result is what :class:`~airflow_provider_fate.operators.gate.
    FateQualityGateOperator` judges, and the adapter's card gets it, too, so that a registry has it.

    :param adapter: the result of ``FateAdapterOperator``, or the folder of an adapter; ``None``: the base model alone
        is judged. (templated)
    :param texts: the rows: a file of JSON lines with ``content`` and ``summary``, on any storage, or the result of
        ``FateTextOperator``, which has held some out. (templated)
    :param base_model: folder of the base model on the worker; default: that with which the adapter was compared.
        (templated)
    :param max_rows: so many rows are judged at most.
    :param answers: for so many of them an answer is generated and compared; 0: for none, which is much faster.
    :param max_new_tokens: longest answer.
    :param batch_size: rows that are computed at once.
    :param dtype: type of numbers: ``auto`` for that of the base model's files, or ``float32``.
    :param threads: CPUs to use; default: all.
    :param samples: file for the answers, beside what was expected: they hold the rows' own text. Default: none is kept.
        (templated)
    :returns: ``{"metrics", "rows", "answered", "tokens", "texts", "texts_sha256", "adapter", "adapter_sha256",
        "samples", "card"}`` as XCom. Metrics: ``perplexity``, ``exact_match``, ``rouge_1``, ``rouge_2``, ``rouge_l``;
        each also with ``_base``, of the base model; and ``perplexity_ratio``, below 1 where the adapter is better.
    :raises AirflowFailException: adapter, base model or rows are not there, or do not go together. Not retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("adapter", "texts", "base_model", "samples")

    def __init__(
        self,
        *,
        adapter: str | Path | Mapping[str, Any] | None,
        texts: str | Path | Mapping[str, Any],
        base_model: str | Path | None = None,
        max_rows: int = 1000,
        answers: int = 50,
        max_new_tokens: int = 128,
        batch_size: int = 4,
        dtype: str = "auto",
        threads: int | None = None,
        samples: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.adapter = str(adapter) if isinstance(adapter, Path) else adapter
        self.texts = str(texts) if isinstance(texts, Path) else texts
        self.base_model = str(base_model) if isinstance(base_model, Path) else base_model
        self.max_rows = max_rows
        self.answers = answers
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size
        self.dtype = dtype
        self.threads = threads
        self.samples = str(samples) if isinstance(samples, Path) else samples

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch, judge, write down."""
        from airflow_provider_fate.errors import FateInputError

        try:
            self._check()
            with TemporaryDirectory(prefix="fate-judge-") as temporary:
                return self._judge(Path(temporary))
        except FateInputError as e:
            raise AirflowFailException(str(e)) from None

    def _check(self) -> None:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.storage.folder import require_no_password

        for name, least in (("max_rows", 1), ("answers", 0), ("max_new_tokens", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise FateInputError(f"{name}={value!r} is no whole number of at least {least}.")
        if self.threads is not None and self.threads < 1:
            raise FateInputError(f"threads={self.threads!r} is less than 1.", hint="Leave it out to use all CPUs.")
        if self.dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise FateInputError(f"dtype={self.dtype!r} is unknown.", hint="auto, float32, bfloat16 or float16.")
        if self.samples is not None:
            require_no_password("samples", str(self.samples))

    def _judge(self, temporary: Path) -> dict[str, Any]:
        from airflow_provider_fate.llm.environment import run_script
        from airflow_provider_fate.llm.prompt import PROMPT_FILE
        from airflow_provider_fate.operators._texts import (
            base_folder,
            card_of_adapter,
            fetch_adapter,
            fetch_texts,
            require_same_base,
        )

        (folder := temporary / "adapter").mkdir()
        sha256 = fetch_adapter(self.adapter, folder) if self.adapter else None
        base = base_folder(self.base_model, self.adapter)
        card = card_of_adapter(folder)
        if sha256 and not require_same_base(card, base):
            self.log.warning("Whether the base model is that of the adapter is not known: its card has no checksums")
        texts, texts_sha256 = fetch_texts(self.texts, temporary / "texts.jsonl")
        prompt = folder / PROMPT_FILE
        request = {
            "base": str(base.path),
            "adapter": str(folder) if sha256 else None,
            "texts": str(temporary / "texts.jsonl"),
            "layout": _read(prompt) if prompt.is_file() else {},
            "rows": self.max_rows,
            "answers": self.answers,
            "batch": self.batch_size,
            "new_tokens": self.max_new_tokens,
            "dtype": self.dtype,
            "threads": self.threads,
            "samples": str(temporary / SAMPLES),
        }
        found = run_script("fate_llm_evaluate", request, self.log.info)
        metrics: dict[str, float] = found["metrics"]
        for name, value in metrics.items():
            self.log.info("%-18s %.6g", name, value)
        told = {
            **{name: found[name] for name in ("metrics", "rows", "answered", "tokens")},
            "texts": texts,
            "texts_sha256": texts_sha256,
            "adapter_sha256": sha256,
            "samples": self._keep(temporary / SAMPLES),
        }
        return told | self._note(card, told)

    def _keep(self, file: Path) -> str | None:
        from airflow_provider_fate.storage.folder import StoredFolder

        if not self.samples:
            return None
        folder, _, name = str(self.samples).rpartition("/")
        StoredFolder(folder).write(name, file)
        return str(self.samples)

    def _note(self, card: ModelCard | None, told: Mapping[str, Any]) -> dict[str, str | None]:
        """Write the figures into the card, which is that of the adapter."""
        from airflow_provider_fate.llm.readme import adapter_readme
        from airflow_provider_fate.models.card import CardEvaluation
        from airflow_provider_fate.operators._texts import adapter_place
        from airflow_provider_fate.operators.adapter import CARD, README
        from airflow_provider_fate.storage.folder import StoredFolder

        if not self.adapter:
            return {"adapter": None, "card": None}
        folder = StoredFolder(adapter_place(self.adapter))
        if card is None:
            self.log.warning(
                "There is no card of this adapter in %s, so the figures stand in the XCom only", folder.url
            )
            return {"adapter": folder.url, "card": None}
        evaluation: CardEvaluation = CardEvaluation(
            **{name: told[name] for name in ("texts", "texts_sha256", "rows", "answered", "metrics")}
        )
        written = card.evaluated(evaluation)
        folder.write(README, adapter_readme(written).encode())
        folder.write(CARD, written.to_json().encode())
        return {"adapter": folder.url, "card": folder.place(CARD)}


def _read(file: Path) -> Any:
    import json

    from airflow_provider_fate.errors import FateInputError

    try:
        return json.loads(file.read_text())
    except ValueError:
        raise FateInputError(
            f"{file.name} of the adapter is no JSON.", hint="Make the adapter's folder again."
        ) from None
