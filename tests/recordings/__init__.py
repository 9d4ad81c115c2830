"""Recorded traffic of a real FATE-Flow, the script that records it, and the tests that hold the fake to it."""
