"""List formats of data sets, one a file: from a folder or a list to a `VideoSet`.

`read` is what the rest of the package uses. Importing this package registers the formats that come with it, without
pyarrow; a new one is a function under `@list_format`, here or in a file of one's own. The order of the imports is
that of recognition: the particular ones come first.
"""

# isort: off
from nas.data.formats import something_v1, something_v2, ucf101, hmdb51, finegym, multilabel, kinetics, plain, folders

# isort: on
from nas.data.formats.reading import read
from nas.data.formats.registry import FORMATS, ListFormat, find, list_format
from nas.data.lists.listing import Classes, Listing, Rows, Way

__all__ = [
    "FORMATS", "Classes", "ListFormat", "Listing", "Rows", "Way", "find", "finegym", "folders", "hmdb51", "kinetics",
    "list_format", "multilabel", "plain", "read", "something_v1", "something_v2", "ucf101",
]  # fmt: skip
