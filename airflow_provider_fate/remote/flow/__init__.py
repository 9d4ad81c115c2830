"""Jobs of a FATE-Flow server as remote work: how to find, submit, watch, explain and stop one."""
