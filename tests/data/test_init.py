import subprocess
import sys

import pytest

from nas import data
from nas.data import motion
from nas.data_settings import DataSettings
from nas.errors import NasError
from tests.data import fake_sets

TINY = motion.MotionSettings(train=20, val=10)


def test_source_by_name_by_variable_and_by_folder(tmp_path, motion_folder, monkeypatch):
    named = data.source(DataSettings(motion=TINY), cache=motion_folder.parent)
    found = data.source(DataSettings(path=str(motion_folder)), cache=tmp_path)
    assert list(named.train) == list(found.train) and list(named.val) == list(found.val)
    monkeypatch.setenv("NAS_DATA", str(motion_folder))
    assert len(data.source(DataSettings(path=""), cache=tmp_path).train) == 20


def test_a_path_may_name_its_format(tmp_path):
    folder = fake_sets.write("ucf101", tmp_path / "set")
    for named in ("ucf101", "ucf101:1"):
        assert data.source(DataSettings(path=f"{named}:{folder}", format="list"), cache=tmp_path).format == "ucf101:1"
    with pytest.raises(NasError):
        data.source(DataSettings(path=f"hmdb51:{folder}"), cache=tmp_path)


def test_no_source_says_the_three_ways_to_name_one(tmp_path, monkeypatch):
    monkeypatch.delenv("NAS_DATA", raising=False)
    with pytest.raises(NasError, match=r"--data.*recipe.*NAS_DATA"):
        data.source(DataSettings(path=""), cache=tmp_path)


def test_the_cache_folder_follows_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "new"))
    assert data.cache_folder() == tmp_path / "new" and (tmp_path / "new").is_dir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "file"))
    with pytest.raises(NasError, match="the cache folder cannot be used.*set NAS_CACHE"):
        data.cache_folder()


def test_a_worker_process_imports_no_torch():
    code = "import sys, nas.data.decoding.decode, nas.data.motion; assert not {'torch', 'av'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
