"""A user's DAG is type-checked as the user does it: strictly, and without the plugin of pydantic."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """[mypy]
strict = True
[mypy-fate_client.*]
ignore_missing_imports = True
[mypy-sklearn.*]
ignore_missing_imports = True
[mypy-airflow_provider_fate.*]
follow_imports = silent
"""
MISUSE = """
from airflow_provider_fate.jobs import HeteroSecureBoost, Party
HeteroSecureBoost(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")])
HeteroSecureBoost(hosts=[Party("10000", "a.c")])
"""


def test_dags_and_the_readme_are_understood_by_mypy_as_they_are(tmp_path: Path) -> None:
    for file in (ROOT / "dags").rglob("*.py"):
        shutil.copy(file, tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "readme.py").write_text("\n\n".join(blocks).replace("def credit_risk():", "def credit_risk() -> None:"))
    (tmp_path / "misuse.py").write_text(MISUSE)
    (tmp_path / "mypy.ini").write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *sorted(f.name for f in tmp_path.glob("*.py"))],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    # Airflow says that a task's function returns an XComArg, and lets it be used as its value all the same.
    # Of setups and teardowns that are mapped it says that they are none.
    theirs = ("XComArg", '"as_setup"', '"as_teardown"')
    ours = [line for line in errors if not any(words in line for words in theirs)]
    assert len(ours) == 1, done.stdout + done.stderr
    assert 'misuse.py:4: error: Missing named argument "guest" for "HeteroSecureBoost"' in ours[0]
