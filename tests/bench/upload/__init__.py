"""What it takes to bring a table from S3, or from disk, to a real FATE: by the operator, and by what else one could do.

Every upload is a process of its own, with everything imported before the clock starts. *Transfer* ends when FATE-Flow
has accepted the upload. Its job, which then makes the table, is the same for all ways, and is told apart. The ways take
turns, so that whatever else the machine does meets all of them.
"""
