"""The commands ``airflow fate ...``, one module each; Airflow loads only :mod:`.definition` at a start."""
