"""Dashboards: a study's figures, table and networks on one page, as a file without a server or live beside a search.

`client/` holds what runs in the browser, the same for both; `static.py` packs it into one HTML text.
"""
