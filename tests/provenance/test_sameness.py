"""Films and sound are compared as what they are signed as, never as what their bytes ask to be."""

import av
import pytest

from app.provenance import sameness
from tests.provenance import making


@pytest.mark.parametrize("kind", ["mp4", "mov", "mp3", "wav"])
def test_a_file_is_the_same_as_itself_and_not_as_another(kind, tmp_path):
    media_type = {"mp4": "video/mp4", "mov": "video/quicktime"}.get(kind)
    media_type = media_type or {"mp3": "audio/mpeg", "wav": "audio/wav"}[kind]
    one = making.make_media(tmp_path / f"one.{kind}")
    other = making.make_media(tmp_path / f"other.{kind}", seed=9)
    assert sameness.same_media(one, one, media_type)
    assert not sameness.same_media(one, other, media_type)


def test_a_list_of_other_files_is_not_followed(tmp_path):
    making.make_media(tmp_path / "other.wav")
    listing = tmp_path / "film.mp4"
    listing.write_text("ffconcat version 1.0\nfile other.wav\n")
    with av.open(str(listing)) as followed:  # what a reader that guesses does
        assert followed.streams.audio
    for media_type in ("video/mp4", "audio/mpeg", "audio/wav", "no such type"):
        assert not sameness.same_media(listing, listing, media_type)
