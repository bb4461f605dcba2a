"""Engines: whoever trains what a driver hands out."""
