"""What all tests share: a clean Airflow home, and the fixtures of `tests/support`."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from importlib.util import find_spec

from hypothesis import settings

# Airflow makes its home, and reads its configuration from there, when it is first imported: that must not be the
# developer's own. So this stands at the top, before any test module is imported.
_home = tempfile.mkdtemp(prefix="airflow-home-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = _home
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_home}/airflow.db"

_fixtures = (
    "tests.support.cluster_of_kubernetes",
    "tests.support.evidence",
    "tests.support.fake",
    "tests.support.fate",
    "tests.support.kubelet",
    "tests.support.mlflow",
    "tests.support.pair",
    "tests.support.postgres",
    "tests.support.s3",
    "tests.support.webhook",
    "tests.support.serving",
)
pytest_plugins = ["pytester", *(name for name in _fixtures if find_spec(name))]

# How long an example takes says more about what else the machine does than about the code, so nothing is timed.
# `make test-all` tries many more examples than what is tried at each change.
settings.register_profile("usual", deadline=None, max_examples=200)
settings.register_profile("thorough", deadline=None, max_examples=10_000)
settings.load_profile("thorough" if os.environ.get("TEST_ALL") else "usual")
