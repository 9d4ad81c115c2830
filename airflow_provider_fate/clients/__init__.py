"""One package per remote system, free of Airflow: typed requests, replies and errors; sync and async.

``http`` is what they have in common.
"""
