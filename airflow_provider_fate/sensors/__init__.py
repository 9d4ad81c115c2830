"""Sensors: wait for what somebody else does."""
