"""The one life cycle of remote work: find or submit, persist, wait, diagnose, finish or cancel.

An operator that starts something elsewhere derives from ``remote.operator.RemoteWorkOperator`` and says only how its
work is submitted and what its result is; its trigger derives from ``remote.trigger.RemoteWorkTrigger`` and says only
how to look. Everything that has to be right when something goes wrong (crashes, kills, limits, outages) is written
here, once.
"""
