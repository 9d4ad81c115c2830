"""One FATE site through its client: records, tables, retention, diagnosis. It knows no Airflow and no waiting."""
