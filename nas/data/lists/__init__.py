"""What all list formats need: text as columns, classes, splits, and the videos that lists name on the disk.

The formats themselves are in `nas.data.formats`.
"""
