"""Engines run trials and never see samplers: in this process, in local processes, from a table."""
