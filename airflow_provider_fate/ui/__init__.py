"""What this provider adds to Airflow itself and its UI."""
