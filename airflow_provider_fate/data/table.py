"""Names of FATE tables: a namespace and a name, written ``namespace.name``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from airflow_provider_fate.errors import FateInputError

__all__ = ["TableName"]

# FATE-Flow uses both parts as names of directories of its store (and of database keys): no separators, no spaces.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_LONGEST = 200


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """The name of a table on a FATE site.

    :ivar namespace: letters, digits, ``_`` and ``-``; by convention the project or the subject.
    :ivar name: as the namespace, and ``.``; put the date into it (``{{ macros.fate.day(dag_run) }}``), because an
        upload replaces a table of the same name without asking.
    """

    namespace: str
    name: str

    def __post_init__(self) -> None:
        for field, value, allowed in (("namespace", self.namespace, _PART), ("name", self.name, _NAME)):
            if not allowed.fullmatch(value) or len(value) > _LONGEST:
                raise FateInputError(
                    f"table {field} {value!r} is not a name that FATE can store",
                    hint="Use letters, digits, '_' and '-' (and '.' inside the name), at most "
                    f"{_LONGEST} characters, such as 'credit.bank_20260101'.",
                )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``namespace.name``; the first dot separates.

        :raises FateInputError: it has no dot, or a part is not a valid name.
        """
        namespace, dot, name = text.strip().partition(".")
        if not dot or not namespace or not name:
            raise FateInputError(
                f"table {text!r} is not of the form 'namespace.name'",
                hint="Write both, separated by a dot, such as 'credit.bank_20260101'.",
            )
        return cls(namespace, name)

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"
