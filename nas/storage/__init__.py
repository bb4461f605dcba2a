"""Where the trials of a study are kept: a SQLite file in its folder, or a database that several drivers share.

`address` says which, `database` runs transactions there, `tables` are Optuna's, `trials` reads and writes their rows,
and `holds` tells which driver trains what. Nothing here knows of spaces, samplers or engines.
"""
