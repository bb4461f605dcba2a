import os
import wave

import av
import numpy as np
import pytest

from nas.data.decoding.decode import Unreadable, decode
from nas.data_settings import PackSettings
from tests.data.films import SIDE, drawn, plain, write

ALL = PackSettings(every=1, frames=0, size=SIDE)


# ---- what is no video


def refusal(path, settings=ALL):
    with pytest.raises(Unreadable) as error:
        decode(str(path), settings)
    assert "\n" not in str(error.value) and str(path) not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (bytes(100_000), "not a video"),
        (b"not a video\n" * 99, "not a video"),
        (b"\xff\xd8\xff\xe0" + bytes(999), "a picture"),
        (b"\x1aE\xdf\xa3" + b"\x42" * 5000, ""),
    ],
    ids=["empty", "zeros", "text", "picture", "noise behind a header"],
)
def test_files_that_are_no_videos(tmp_path, content, reason):
    (tmp_path / "a.mp4").write_bytes(content)
    assert reason in refusal(tmp_path / "a.mp4")


def test_missing_files_pipes_and_sockets_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert refusal(tmp_path / "pipe.mp4") == "neither a regular file nor a folder"
    assert refusal(tmp_path / "none.mp4") == "No such file or directory"
    assert refusal("/dev/zero") == "neither a regular file nor a folder"
    assert "null" in refusal("a\0.mp4")


def test_sound_without_pictures_is_unreadable(tmp_path):
    with wave.open(str(tmp_path / "a.mp4"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    assert refusal(tmp_path / "a.mp4") == "no video stream"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.flv"])
def test_files_that_are_cut_short_are_unreadable(tmp_path, name):
    codec, muxer = ("mpeg4" if name == "a.avi" else "libx264"), {"movflags": "faststart"} if name == "a.mp4" else None
    path = write(tmp_path / name, codec, {"g": "5"}, muxer=muxer)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert "cut short" in refusal(path)


def test_a_stream_cut_between_two_frames_gives_those_it_still_holds(tmp_path):
    path = write(tmp_path / "a.ts", options={"g": "5"})
    content = path.read_bytes()
    begins = [at for at in range(0, len(content), 188) if content[at + 1] & 0x5F == 0x41 and content[at + 2] == 0]
    path.write_bytes(content[: begins[30]])
    assert 25 <= len(plain(path)) <= 30
    np.testing.assert_array_equal(decode(str(path), ALL), plain(path))


def test_the_end_of_an_mp4_file_is_needed(tmp_path):
    path = write(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "its beginning or end is missing" in refusal(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.flv"])
def test_damage_in_the_middle_is_told_where_it_is_decoded(tmp_path, name):
    codec, options = ("mpeg4", {}) if name == "a.avi" else ("libx264", {"x264-params": "scenecut=0"})
    path = write(tmp_path / name, codec, {"g": "30", "bf": "0", **options})
    whole, content = plain(path), bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        second = [packet for packet in container.demux(video=0) if packet.is_keyframe][1]
    content[second.pos + 200 : second.pos + 400] = np.random.default_rng(0).bytes(200)
    path.write_bytes(content)
    assert "damaged at 1.8" in refusal(path)
    np.testing.assert_array_equal(decode(str(path), ALL, 0, 1.0), whole[:16])


def test_a_file_that_begins_between_key_frames_gives_the_rest(tmp_path):
    path = write(tmp_path / "a.ts", options={"g": "20", "x264-params": "scenecut=0"})
    content = path.read_bytes()
    path.write_bytes(content[len(content) // 188 // 5 * 188 :])
    whole = plain(path)
    assert 30 <= len(whole) < 60
    np.testing.assert_array_equal(decode(str(path), ALL), whole)
    np.testing.assert_array_equal(decode(str(path), PackSettings(every=17, frames=0, size=SIDE)), whole[::17])


def test_text_that_is_no_unicode_does_no_harm(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "TITLE"
        stream = container.add_stream("mpeg4", rate=16)
        stream.height = stream.width = SIDE
        for picture in drawn(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    assert path.read_bytes().count(b"TITLE") == 1
    path.write_bytes(path.read_bytes().replace(b"TITLE", b"\xe9t\xe9\xff."))
    assert len(decode(str(path), ALL)) == 4


# ---- paths are files, and files are alone

NAMES = ["a b.mp4", "-x.mp4", "concat:a.mp4", "http:x.mp4", "ü漢.mp4", "%03d.mp4", "a|b.mp4", "'q\".mp4", "a\n.mp4"]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"bad\xff.mp4")])
def test_any_name_is_that_of_a_plain_file(tmp_path, monkeypatch, film, name):
    content = film("a.mp4").read_bytes()
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    for path in (name, str(tmp_path / name)):
        assert len(decode(path, ALL)) == 12


@pytest.mark.parametrize("path", ["http://127.0.0.1:9/a.mp4", "concat:a.mp4|a.mp4", "data:video/mp4;base64,AAAA"])
def test_urls_are_no_files(tmp_path, monkeypatch, film, path):
    film("a.mp4")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unreadable, match="No such file"):
        decode(path, ALL)


PLAYLISTS = {
    "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nreal.ts\n#EXT-X-ENDLIST\n",
    "hidden.mp4": "ffconcat version 1.0\nfile real.ts\n",
    "a.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period/></MPD>',
    "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_playlists_are_not_followed(tmp_path, name):
    write(tmp_path / "real.ts")
    (tmp_path / name).write_text(PLAYLISTS[name])
    if name == "hidden.mp4":  # without a guard it is
        assert len(plain(tmp_path / name)) == 60
    refusal(tmp_path / name)
