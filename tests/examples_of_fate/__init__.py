"""FATE's own pipeline examples, unchanged, as tasks: ``python -m tests.examples_of_fate /path/to/FATE``."""
