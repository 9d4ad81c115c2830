"""Which arguments may name a template file: Airflow takes any text with the right ending for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


class TemplateFiles(BaseOperator):
    """An operator of whose template fields only some may name a file.

    A table may be called ``credit.dump.sql``, and a connection ``fate.json``.

    :cvar template_file_fields: names of the fields whose text is the path of a template file if it ends like one.
    """

    template_file_fields: Sequence[str] = ()

    def resolve_template_files(self) -> None:
        """Read the files at parse time, as Airflow does."""
        fields = self.template_fields
        self.template_fields = [field for field in fields if field in self.template_file_fields]
        try:
            super().resolve_template_files()
        finally:
            self.template_fields = fields

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a text as it is, unless it stands in a field that may name a file."""
        named = isinstance(content, str) and content.endswith(tuple(self.template_ext)) and bool(self.template_ext)
        if named and all(getattr(self, field, None) != content for field in self.template_file_fields):
            content += "{##}"  # a comment of Jinja: it renders to nothing, and no file is called so
        return super().render_template(content, context, jinja_env, seen_oids)
