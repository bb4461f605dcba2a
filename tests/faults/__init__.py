"""What happens to searches when workers, drivers, nodes, databases, disks and clocks fail, tried on real ones.

CI runs a short form of each; `NAS_FAULTS=20 python -m pytest tests/faults` tries as many random moments.
"""
