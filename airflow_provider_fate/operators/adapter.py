"""What comes out of a tuned language model: an adapter that PEFT loads, and the model with it built in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.llm.adapter import Adapter
    from airflow_provider_fate.llm.base import BaseModelFolder
    from airflow_provider_fate.models.card import ModelCard
    from airflow_provider_fate.models.package import ModelPackage
    from airflow_provider_fate.storage.folder import StoredFolder

FOLDER = "adapter"
README, CARD = "README.md", "card.json"
MERGED = "merged_adapter.sha256"
"""File of a merged model that says which adapter is in it."""


class FateAdapterOperator(BaseOperator):
    """Make a folder that PEFT loads of the adapter that FATE-LLM has tuned, with its model card.

    FATE stores an adapter with the path that the base model has on the server. Here it gets the name and revision under
    which others find it. The weights are looked at first: an adapter that has diverged, or that no step of the training
    has moved, is refused, and with ``base_folder`` one that does not fit the base model. Needs no torch.

    :param package: the result of ``FateModelExportOperator``, or path or URL of its ``model.zip``. (templated)
    :param base_model: the language model that was tuned, by the name under which others find it:
        ``Qwen/Qwen2-0.5B``; or its folder on the worker, where it has none. (templated)
    :param base_revision: its revision there, a commit best of all. (templated)
    :param base_folder: where it is on the worker: the adapter is compared with it, and the card has checksums of its
        weights and its tokenizer; default: ``base_model``, if that is a folder. (templated)
    :param target: folder for the adapter, also on object storage; default: ``adapter`` beside the package. (templated)
    :returns: ``{"target", "adapter", "adapter_sha256", "kind", "parameters", "base_model", "base_revision",
        "base_folder", "package", "sha256", "content_sha256", "card", "card_text", "job_id", "model_id",
        "model_version", "role", "party_id", "tasks"}`` as XCom: ``FateModelRegisterOperator(model=...)`` takes it.
    :raises AirflowFailException: the package is none, was changed, has no card or no adapter; or the adapter is of no
        use, or of another base model. Nothing is written then, and it is not retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("package", "base_model", "base_revision", "base_folder", "target")

    def __init__(
        self,
        *,
        package: str | Path | Mapping[str, Any],
        base_model: str | Path,
        base_revision: str | None = None,
        base_folder: str | Path | None = None,
        target: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.package = str(package) if isinstance(package, Path) else package
        self.base_model = str(base_model) if isinstance(base_model, Path) else base_model
        self.base_revision = base_revision
        self.base_folder = str(base_folder) if isinstance(base_folder, Path) else base_folder
        self.target = str(target) if isinstance(target, Path) else target

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch, look, write."""
        from airflow_provider_fate.errors import FateInputError

        try:
            return self._make()
        except FateInputError as e:
            raise AirflowFailException(str(e)) from None

    def _make(self) -> dict[str, Any]:
        from airflow_provider_fate.llm.adapter import read_adapter
        from airflow_provider_fate.operators._cards import card_of, fetch_package
        from airflow_provider_fate.storage.folder import StoredFolder, require_no_password

        base = self._base()
        with TemporaryDirectory(prefix="fate-adapter-") as temporary:
            package, place = fetch_package(self.package, Path(temporary) / "model.zip")
            card = card_of(package, place, self.package.get("card") if isinstance(self.package, Mapping) else None)
            self._require_card(card, place)
            assert card is not None
            adapter = read_adapter(package, Path(temporary))
            adapter.require_sound()
            if base is not None:
                adapter.require_fitting(base)
            else:
                self.log.warning("Not compared with its base model: give base_folder, where it is on the worker")
            target = str(self.target or f"{place.rpartition('/')[0]}/{FOLDER}")
            require_no_password("target", target)
            folder = StoredFolder(target)
            sha256 = self._write(folder, adapter, base, card)
            return self._result(folder, adapter, sha256, package, place)

    def _base(self) -> BaseModelFolder | None:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.llm.base import open_base

        name = str(self.base_model or "").strip()
        if not name or any(sign in name for sign in "\n\r\"'\\"):
            raise FateInputError(
                f"base_model={self.base_model!r} names no model.",
                hint="Write the name under which others find it, such as 'Qwen/Qwen2-0.5B', or its folder.",
            )
        if self.base_folder:
            return open_base("base_folder", self.base_folder)
        if not name.startswith("/"):
            return None
        self.log.warning("The adapter names %s as its base model: nobody finds that on another machine", name)
        return open_base("base_model", name)

    def _require_card(self, card: ModelCard | None, place: str) -> None:
        from airflow_provider_fate.errors import FateInputError

        if card is None:
            raise FateInputError(
                f"There is no card of the package {place}.",
                hint="FateModelExportOperator writes card.json beside model.zip: keep them together.",
            )

    def _write(
        self, folder: StoredFolder, adapter: Adapter, base: BaseModelFolder | None, card: ModelCard
    ) -> str:  # fmt: skip
        """Write the description, then what it describes: where the weights are, all of it is."""
        from airflow_provider_fate.llm.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
        from airflow_provider_fate.llm.prompt import PROMPT_FILE
        from airflow_provider_fate.llm.readme import adapter_readme
        from airflow_provider_fate.models.card import CardAdapter

        sha256, name, revision = adapter.sha256, str(self.base_model).strip(), self.base_revision or None
        described = card.adapted(
            CardAdapter(
                sha256=sha256,
                kind=adapter.kind,
                parameters=adapter.parameters,
                targets=adapter.targets,
                base_model=name,
                base_revision=revision,
                base_architecture=base and base.architecture,
                base_sha256=base and base.weights_sha256,
                tokenizer_sha256=base and base.tokenizer_sha256,
                prompt=adapter.layout and adapter.layout.template,
            )
        )
        if folder.size(ADAPTER_WEIGHTS) is not None and folder.sha256(ADAPTER_WEIGHTS) != sha256:
            folder.remove(ADAPTER_WEIGHTS)
        folder.write(ADAPTER_CONFIG, adapter.published(name, revision).encode())
        if adapter.layout is not None:
            folder.write(PROMPT_FILE, adapter.layout.to_json().encode())
        else:
            folder.remove(PROMPT_FILE)
        folder.write(README, adapter_readme(described).encode())
        folder.write(CARD, described.to_json().encode())
        folder.write(ADAPTER_WEIGHTS, adapter.weights.path)
        self.log.info(
            "Wrote %s: %s of %s parameters for %s, sha256 %s",
            *(folder.place(ADAPTER_WEIGHTS), adapter.kind, f"{adapter.parameters:,}", name, sha256),
        )
        return sha256

    def _result(
        self, folder: StoredFolder, adapter: Adapter, sha256: str, package: ModelPackage, place: str
    ) -> dict[str, Any]:
        manifest = package.manifest
        own = str(self.base_model) if str(self.base_model).startswith("/") else None
        return {
            "target": folder.url,
            "adapter": folder.url,
            "adapter_sha256": sha256,
            "kind": adapter.kind,
            "parameters": adapter.parameters,
            "base_model": str(self.base_model).strip(),
            "base_revision": self.base_revision or None,
            "base_folder": self.base_folder or own,
            "package": place,
            "sha256": package.sha256,
            "content_sha256": manifest.content_sha256,
            "card": folder.place(CARD),
            "card_text": folder.place(README),
            "job_id": manifest.job_id,
            "model_id": manifest.model_id,
            "model_version": manifest.model_version,
            "role": manifest.role,
            "party_id": manifest.party_id,
            "tasks": [adapter.task],
        }


class FateAdapterMergeOperator(BaseOperator):
    """Build an adapter into its base model, for what serves whole models only.

    Runs in the environment of :class:`~airflow_provider_fate.operators.text_evaluate.FateTextEvaluateOperator`. What is
    written is loaded again and compared with the two apart; where they differ, nothing is left.

    :param adapter: the result of ``FateAdapterOperator``, or the folder of an adapter. (templated)
    :param target: folder for the whole model, also on object storage; it must not hold another one. (templated)
    :param base_model: folder of the base model on the worker; default: that with which the adapter was compared.
        (templated)
    :param dtype: type of numbers: ``auto`` for that of the base model's files, or ``float32``.
    :param tolerance: largest difference between an output of the model and of the two apart.
    :param threads: CPUs to use; default: all.
    :returns: ``{"target", "model", "files", "parameters", "dtype", "moved", "largest_difference", "adapter_sha256"}``
        as XCom; ``files`` has the sha256 of each, ``moved`` is how far the adapter moves the base model's outputs.
    :raises AirflowFailException: it is not there, is of another base model, cannot be built in, or differs. Not
        retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("adapter", "target", "base_model")

    def __init__(
        self,
        *,
        adapter: str | Path | Mapping[str, Any],
        target: str | Path,
        base_model: str | Path | None = None,
        dtype: str = "auto",
        tolerance: float = 1e-3,
        threads: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.adapter = str(adapter) if isinstance(adapter, Path) else adapter
        self.target = str(target) if isinstance(target, Path) else target
        self.base_model = str(base_model) if isinstance(base_model, Path) else base_model
        self.dtype = dtype
        self.tolerance = tolerance
        self.threads = threads

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch, merge, compare, write."""
        from airflow_provider_fate.errors import FateInputError

        try:
            with TemporaryDirectory(prefix="fate-merge-") as temporary:
                return self._merge(Path(temporary))
        except FateInputError as e:
            raise AirflowFailException(str(e)) from None

    def _merge(self, temporary: Path) -> dict[str, Any]:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.llm.environment import run_script
        from airflow_provider_fate.models.package import sha256_of
        from airflow_provider_fate.operators._texts import (
            base_folder,
            card_of_adapter,
            fetch_adapter,
            require_same_base,
        )
        from airflow_provider_fate.storage.folder import StoredFolder, require_no_password

        require_no_password("target", str(self.target))
        target = StoredFolder(str(self.target))
        (folder := temporary / "adapter").mkdir()
        (made := temporary / "model").mkdir()
        sha256 = fetch_adapter(self.adapter, folder)
        base = base_folder(self.base_model, self.adapter)
        require_same_base(card_of_adapter(folder), base)
        self._require_room(target, sha256)
        request = {
            "base": str(base.path), "adapter": str(folder), "target": str(made), "dtype": self.dtype,
            "threads": self.threads,
        }  # fmt: skip
        found = run_script("fate_llm_merge", request, self.log.info)
        if not found["largest_difference"] <= self.tolerance:
            raise FateInputError(
                f"The merged model differs from base model and adapter by {found['largest_difference']:.3g}, more than "
                f"{self.tolerance:g}.",
                hint="Numbers of 16 bits round: merge with dtype='float32', or allow more.",
            )
        self.log.info(
            "The adapter moves outputs by up to %.3g; merged and apart differ by %.3g",
            *(found["moved"], found["largest_difference"]),
        )
        files = {file.name: sha256_of(file) for file in sorted(made.iterdir()) if file.is_file()}
        for name in sorted(files, key=lambda name: name.endswith(".safetensors")):
            target.write(name, made / name)
        target.write(MERGED, f"{sha256}\n".encode())
        self.log.info("Wrote %s, %d files", target.url, len(files))
        return {"target": target.url, "model": target.url, "files": files, "adapter_sha256": sha256, **found}

    def _require_room(self, target: StoredFolder, sha256: str) -> None:
        """Check that no other model is written over.

        :raises FateInputError: the target holds one.
        """
        from airflow_provider_fate.errors import FateInputError

        if target.size("config.json") is None:
            return
        with TemporaryDirectory(prefix="fate-merged-") as temporary:
            place = Path(temporary) / MERGED
            try:
                target.fetch(MERGED, place)
                if place.read_text().strip() == sha256:
                    return
            except FileNotFoundError:
                pass
        raise FateInputError(
            f"target={target.url!r} holds another model.", hint="Nothing was written. Give each model its own folder."
        )
