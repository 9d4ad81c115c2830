"""``python -m airflow_provider_fate.local``: the same as ``fate-local``."""

from airflow_provider_fate.local.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
