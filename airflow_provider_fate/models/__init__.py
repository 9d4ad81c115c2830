"""Models as things of their own: packed, described, and brought from one site to another. No Airflow.

A federated model has a part at each party, and a site hands out its own only. :mod:`.package` is the file that holds
such a part, :mod:`.collect` makes one of a finished job, :mod:`.importing` brings one to a site, :mod:`.card` says what
the model is, and :mod:`.decide` whether it is good enough.
"""
