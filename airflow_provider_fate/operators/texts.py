"""Bring prompts and answers to where the tasks of a FATE site read them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_fate.data.given import Csv
from airflow_provider_fate.operators._killed import Killed
from airflow_provider_fate.operators._site import FateSiteOperator
from airflow_provider_fate.operators._templates import TemplateFiles

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.data.source import Source
    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.llm.texts import BuiltTexts, TextRules, TokenCounter
    from airflow_provider_fate.site.session import SiteSession

_SHOWN = 600
"""Characters of a prompt and of an answer that are shown at most."""


class FateTextOperator(TemplateFiles, FateSiteOperator):
    """Make prompts and answers of the rows of any source, hold some out, and bind the rest as a table of a FATE site.

    CSV, JSON Lines, a JSON array, Parquet and Arrow files of any storage, plain or compressed, and rows of a database
    become the JSON Lines that FATE-LLM's ``PromptDataset`` reads. They are checked before anything is written: rows
    without prompt or answer, repetitions, rows of which FATE-LLM would silently cut off the end, prompts that are on
    both sides of the split, and what a contract forbids. All that is wrong is told at once, by the numbers of the rows.

    The files are named by their content and appear when they are complete, so that a running job keeps the rows that it
    reads. Nothing is written, and nothing bound, where a check fails. A task that runs again with the same rows changes
    nothing.

    A prompt falls on the same side of the split in every run, also when the set has grown, and at every party that uses
    the same ``seed``: no party trains with what another one judges with.

    :param table: ``namespace.name`` of the table. (templated)
    :param folder: folder that gets the files: a path on the worker which the FATE server sees, too, such as a shared
        volume; or a URL that Airflow's object storage knows. It must be there. (templated)
    :param server_folder: path of ``folder`` on the FATE server, where that is another. (templated)
    :param source: path on the worker, or a URL that Airflow's object storage knows. (templated)
    :param source_conn_id: connection to that storage, where the URL names none. (templated)
    :param sql: instead of ``source``: a query. (templated, also from a ``.sql`` file)
    :param sql_conn_id: connection to the database. (templated)
    :param sql_parameters: values for the query's placeholders. (templated)
    :param csv: how a CSV source is written: ``Csv(delimiter=";", encoding="latin-1")``.
    :param held_out_source: path or URL of rows to judge with, instead of a share of the source. (templated)
    :param contract: path or URL of a YAML file that says what the set must be like, so that all parties have the same;
        or its content as a mapping. It has the fields of :class:`~airflow_provider_fate.llm.texts.TextRules` and takes
        the place of all arguments from ``prompt`` to ``leakage``. (templated)
    :param prompt: what the model is given: a template with names of columns in braces,
        ``"Question: {question}\\nAnswer:"``, or the name of a column. A line whose columns are all empty is left out.
    :param answer: what it is to say; as ``prompt``.
    :param group: column whose rows stay on the same side of the split, such as a patient's number.
    :param held_out: share of the rows that is kept from the training, 0 to 0.9; default 0.1.
    :param seed: another one holds other rows out; default ``"0"``.
    :param max_length: tokens of prompt and answer together, as the job's ``max_length``; default 512.
    :param max_prompt_length: tokens of the prompt, as the job's; default 256.
    :param too_long: what becomes of a row that has more: ``fail`` (default), ``drop`` it, or let FATE-LLM ``cut`` it.
    :param empty: what becomes of a row without prompt or answer: ``fail`` (default) or ``drop`` it.
    :param duplicates: what becomes of a repetition: ``drop`` it (default), ``fail``, or ``keep`` it.
    :param leakage: what becomes of a row whose prompt is on the other side of the split: ``fail`` (default), or
        ``drop`` it.
    :param tokenizer: folder of the base model, or its ``tokenizer.json``, as the worker sees it. Without one, or where
        ``airflow-provider-fate[texts]`` is not installed, tokens are estimated, which warns and refuses nothing.
        (templated)
    :param preview: how many rows are shown in the log as the model will see them. Whoever may read the log sees them;
        0: none.
    :param overwrite: take the table's name from whatever has it, unless a job that is not finished uses it.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: as XCom ``{"table", "namespace", "name", "path", "rows", "sha256", "held_out", "held_out_rows", "read",
        "dropped", "tokens", "tokenizer_sha256", "changed"}``. ``path`` is on the server; ``held_out`` is where workers
        read the rows to judge with, ``None`` if there are none.
    :raises AirflowFailException: the rows, an argument or a name cannot be right. Not retried.
    :raises FileNotFoundError: there is no such source; retried, because it may still come.
    :raises FateConflictError: an unfinished job uses what has the name.
    """

    template_fields: Sequence[str] = (
        "table", "folder", "server_folder", "source", "source_conn_id", "sql", "sql_conn_id", "sql_parameters",
        "held_out_source", "contract", "tokenizer", "fate_conn_id",
    )  # fmt: skip
    template_ext: Sequence[str] = (".sql",)
    template_file_fields: Sequence[str] = ("sql",)
    template_fields_renderers = {"sql": "sql", "sql_parameters": "json"}  # noqa: RUF012

    def __init__(
        self,
        *,
        table: str,
        folder: str | Path,
        server_folder: str | None = None,
        source: str | Path | None = None,
        source_conn_id: str | None = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        sql_parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        csv: Csv | None = None,
        held_out_source: str | Path | None = None,
        contract: str | Mapping[str, Any] | None = None,
        prompt: str | None = None,
        answer: str | None = None,
        group: str | None = None,
        held_out: float | None = None,
        seed: str | int | None = None,
        max_length: int | None = None,
        max_prompt_length: int | None = None,
        too_long: Literal["fail", "drop", "cut"] | None = None,
        empty: Literal["fail", "drop"] | None = None,
        duplicates: Literal["fail", "drop", "keep"] | None = None,
        leakage: Literal["fail", "drop"] | None = None,
        tokenizer: str | Path | None = None,
        preview: int = 1,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.folder = str(folder)
        self.server_folder = server_folder
        self.source = str(source) if isinstance(source, Path) else source
        self.source_conn_id = source_conn_id
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.sql_parameters = sql_parameters
        self.csv = csv
        self.held_out_source = str(held_out_source) if isinstance(held_out_source, Path) else held_out_source
        self.contract = contract
        self.rules = {
            "prompt": prompt,
            "answer": answer,
            "group": group,
            "held_out": held_out,
            "seed": seed,
            "max_length": max_length,
            "max_prompt_length": max_prompt_length,
            "too_long": too_long,
            "empty": empty,
            "duplicates": duplicates,
            "leakage": leakage,
        }
        self.tokenizer = str(tokenizer) if isinstance(tokenizer, Path) else tokenizer
        self.preview = preview
        self.overwrite = overwrite
        self._at_work = False

    # -- what is asked for ----------------------------------------------------------------------------------------

    def check(self) -> None:
        """Check the arguments."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.site.binding import check_path
        from airflow_provider_fate.storage.folder import require_no_password

        TableName.parse(self.table)
        require_no_password("folder", self.folder)
        check_path(self._server_folder(), "server_folder" if self.server_folder else "folder")
        if self._local_folder and not Path(self._local_folder).is_dir():
            raise FateInputError(
                f"folder={self.folder!r} is not a folder on this worker",
                hint="Name one that workers and the FATE server both see, such as a shared volume, and make it "
                "beforehand: a mount that is missing would not be noticed otherwise.",
            )
        if bool(self.source) == bool(self.sql):
            raise FateInputError(
                f"{self.task_id} has {'both source and' if self.source else 'neither source nor'} sql",
                hint="Give one of them.",
            )
        if self.sql and not self.sql_conn_id:
            raise FateInputError("sql needs sql_conn_id", hint="Name the connection to the database.")
        if type(self.preview) is not int or self.preview < 0:
            raise FateInputError(f"preview={self.preview!r} is not a number of rows", hint="0 shows none.")

    @property
    def _local_folder(self) -> str | None:
        """The folder's path on this machine; ``None``: it is elsewhere."""
        folder = self.folder.removeprefix("file://")
        return None if "://" in folder else folder

    def _server_folder(self) -> str:
        from airflow_provider_fate.errors import FateInputError

        found = self.server_folder or self._local_folder
        if found is None:
            raise FateInputError(
                f"folder={self.folder!r} is on a storage, and FATE-LLM reads files of the server's disk",
                hint="Mount the storage on the server, and give the path of the mount: server_folder='/mnt/texts'.",
            )
        return found.rstrip("/")

    def _rules(self) -> TextRules:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.llm.texts import TextRules
        from airflow_provider_fate.storage.source import read_contract_of

        given = {name: value for name, value in self.rules.items() if value is not None}
        if self.contract:
            if given:
                raise FateInputError(
                    f"contract and {min(given)} are both given", hint="Say it in one place: in the contract."
                )
            return read_contract_of(TextRules, self.contract)
        for name in ("prompt", "answer"):
            if name not in given:
                raise FateInputError(
                    f"{self.task_id} has no {name}",
                    hint=f"Give {name}='{{question}}', a template with names of columns in braces; or a contract.",
                )
        return TextRules.of_arguments(given, self.task_id)

    def _source(self) -> Source:
        from airflow_provider_fate.storage.source import file_source, sql_source

        if self.sql:
            assert self.sql_conn_id is not None
            return sql_source(self.sql, self.sql_conn_id, self.sql_parameters)
        csv = self.csv or Csv()
        return file_source(str(self.source), self.source_conn_id, csv.delimiter, csv.encoding)

    def _held_out_source(self) -> Source | None:
        from airflow_provider_fate.storage.source import file_source

        if not self.held_out_source:
            return None
        csv = self.csv or Csv()
        return file_source(self.held_out_source, self.source_conn_id, csv.delimiter, csv.encoding)

    # -- the work -------------------------------------------------------------------------------------------------

    def execute(self, context: Context) -> Any:
        """Check, then work."""
        self._at_work = True
        try:
            return super().execute(context)
        except Killed:
            raise AirflowException("The task was killed while it prepared the texts.") from None
        finally:
            self._at_work = False

    def on_kill(self) -> None:
        """Leave nothing half done: the error unwinds the work, and temporary files go."""
        if self._at_work:
            self._at_work = False
            raise Killed

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Read and check, write, bind."""
        from airflow_provider_fate.assets import emit_table, party_of_tables
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.llm.texts import build_texts, counter_of
        from airflow_provider_fate.site.binding import bind
        from airflow_provider_fate.storage.texts import stored_texts

        table = TableName.parse(self.table)
        rules, counter = self._rules(), counter_of(self.tokenizer)
        rules.require(counter)
        self._look_at_name(session, table)
        with TemporaryDirectory(prefix="fate-texts-") as folder:
            built = build_texts(
                self._source(),
                rules,
                counter,
                Path(folder),
                held_out=self._held_out_source(),
                examples=self.preview,
            )
            self._tell(built, counter)
            with stored_texts(self.folder, table, built) as stored:
                path = f"{self._server_folder()}/{stored.train}"
                changed = bind(session.client, table, path, overwrite=self.overwrite)
        for name in stored.written:
            self.log.info("Written: %s/%s", self.folder, name)
        self.log.info("Table %s is %s on the server%s", table, path, "" if changed else ", as before")
        facts = {"rows": built.train.rows, "fingerprint": built.train.sha256}
        emit_table(context, party_of_tables(session.site, session.client), table, facts)
        return {
            "table": str(table),
            "namespace": table.namespace,
            "name": table.name,
            "path": path,
            "rows": built.train.rows,
            "sha256": built.train.sha256,
            "held_out": stored.held_out,
            "held_out_rows": built.held_out.rows if built.held_out else 0,
            "read": built.read,
            "dropped": built.dropped,
            "tokens": built.lengths,
            "tokenizer_sha256": counter.sha256,
            "changed": changed,
        }

    def _look_at_name(self, session: SiteSession, table: TableName) -> None:
        """Find out before the rows are read that the name is a table's, which would not be replaced."""
        from airflow_provider_fate.site.replace import DIRECTORY, find, make_room

        found = find(session.client, table)
        if found is not None and found.data_type != DIRECTORY and not self.overwrite:
            make_room(session.client, table, overwrite=False)

    def _tell(self, built: BuiltTexts, counter: TokenCounter) -> None:
        held_out = built.held_out.rows if built.held_out else 0
        dropped = ", ".join(f"{count:,} {why}" for why, count in built.dropped.items())
        self.log.info(
            "Of %s rows %s are to train with, %s are held out%s",
            *(f"{number:,}" for number in (built.read, built.train.rows, held_out)),
            f"; left out: {dropped}" if dropped else "",
        )
        self.log.log(
            logging.INFO if counter.exact else logging.WARNING,
            "Tokens, %s: half of the rows have up to %s, 99 of 100 up to %s, the longest %s; prompts up to %s",
            counter.how,
            *(f"{built.lengths[key]:,}" for key in ("median", "p99", "longest", "longest_prompt")),
        )
        for note in built.notes:
            self.log.warning("%s.", note)
        for number, (prompt, answer) in enumerate(built.examples, 1):
            self.log.info(
                "What the model is given (%d):\n%s\nWhat it is to say:\n%s", number, _shown(prompt), _shown(answer)
            )


def _shown(text: str) -> str:
    """A text with a bar in front of each line, so that no line of it looks like one of the log."""
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ... ({len(text):,} characters)"
    return "\n".join("| " + "".join(letter if letter.isprintable() else "?" for letter in line) for line in _lines(cut))


def _lines(text: str) -> list[str]:
    return text.replace("\t", "    ").splitlines()
