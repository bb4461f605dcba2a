"""Figures of a study: each file is one figure, a pure function from data frames to a plotly Figure."""
