"""Where Airflow keeps data: files, object stores, databases."""
