"""``python -m airflow_provider_fate.serving.split FILES PORT WORK``: serve what the files say."""

from __future__ import annotations

import sys

from airflow_provider_fate.serving.split.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
