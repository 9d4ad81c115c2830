"""How the documentation is built: `make docs`. A warning is an error."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
# The reference imports Airflow, which writes its configuration into its home: not into that of whoever builds.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-docs-"))

from airflow_provider_fate import __version__  # noqa: E402

project = "airflow-provider-fate"
author = "The airflow-provider-fate contributors"
copyright = "The airflow-provider-fate contributors. Apache License 2.0"  # noqa: A001
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "facts",
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
