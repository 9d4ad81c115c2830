"""How the documentation is built: `make docs`. A warning is an error."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
# The reference imports Airflow, which writes its configuration into its home: not into that of whoever builds.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-docs-"))

from airflow_provider_fate import __version__  # noqa: E402

project = "airflow-provider-fate"
author = "The airflow-provider-fate contributors"
copyright = "The airflow-provider-fate contributors. Apache License 2.0"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "show-inheritance": False}

html_theme = "furo"
html_title = f"airflow-provider-fate {__version__}"
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

# All modules of the reference are imported before autodoc looks at the first: it writes into the annotations of the
# classes that it documents, and pydantic refuses to make subclasses of a BaseModel that has been treated so.
for name in re.findall(r"automodule:: (\S+)", (HERE / "reference.md").read_text()):
    importlib.import_module(name)

# An endpoint is a descriptor; what is to be documented is the method that describes its request.
from airflow_provider_fate.clients.http import Group  # noqa: E402
from airflow_provider_fate.clients.http.endpoint import endpoint, procedure  # noqa: E402

for group in Group.__subclasses__():
    for name, value in list(vars(group).items()):
        if isinstance(value, endpoint | procedure):
            setattr(group, name, value.__wrapped__)  # type: ignore[union-attr]


def without_table(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Leave the table of errors out of the reference: the page about errors has it."""
    if what == "module" and name == "airflow_provider_fate.errors":
        rules = [number for number, line in enumerate(lines) if line.startswith("====")]
        if rules:
            del lines[rules[0] : rules[-1] + 1]


def setup(app: Sphinx) -> None:
    """Register what this project needs of Sphinx."""
    app.connect("autodoc-process-docstring", without_table)
