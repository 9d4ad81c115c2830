"""Links from Airflow tasks to pages elsewhere."""
