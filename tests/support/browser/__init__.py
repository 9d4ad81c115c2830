"""A real Chromium, driven by Playwright in an environment of its own: what a person sees and does in a page.

Chromium comes from the machine (``apt-get install chromium``). A test that finds none fails and says so: one that is
skipped would look like one that has passed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.local.environments import PackageEnvironment

ENVIRONMENT = PackageEnvironment("playwright", ("playwright==1.58.0",), check="import playwright.sync_api")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """Path of the browser: ``CHROMIUM``, or the one on PATH."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail(
            "NO BROWSER: this test drives a real Chromium and finds none. Install it (apt-get install chromium), or "
            "name its program in the variable CHROMIUM. Leave such tests out with: -m 'not browser'.",
            pytrace=False,
        )
    return found


def drive(script: str, timeout: float, **given: Any) -> dict[str, Any]:
    """Run one of the scripts of this folder, and return what it has seen.

    :param script: its name.
    :param given: what it is told, over its standard input: nothing of it is in a command line.
    """
    browser = find_chromium()
    python = ENVIRONMENT.ensure(print)
    done = subprocess.run(
        [str(python), str(Path(__file__).parent / f"{script}.py")],
        input=json.dumps({"browser": browser, "root": os.geteuid() == 0, **given}),
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen
