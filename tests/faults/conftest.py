"""The videos of all searches here, and the search that nothing happens to."""

import pytest

from tests.faults import searches
from tests.faults.searches import Search


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    return searches.videos(tmp_path_factory.mktemp("faults") / "videos")


@pytest.fixture(scope="session")
def undisturbed(films, tmp_path_factory):
    """One worker, on this machine, from the first trial to the last."""
    search = Search(tmp_path_factory.mktemp("undisturbed") / "s", films)
    search.start()
    assert search.ends() == 0, search.said
    return search


@pytest.fixture
def search(films, tmp_path):
    """Makes searches that leave nothing running."""
    made = []

    def make(*arguments, **more):
        made.append(Search(tmp_path / f"s{len(made)}", films, *arguments, **more))
        return made[-1]

    yield make
    for one in made:
        one.end()
