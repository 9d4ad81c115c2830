"""From Airflow connections to clients."""
