"""What waiting for jobs costs a triggerer, next to Airflow's own timer and to one poll per trigger: make bench-wait."""
