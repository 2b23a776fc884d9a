"""Where in a film a mark is: blocks and words say the same, and no foreign second is hidden."""

import pytest

from app.provenance import content
from app.web import marked_film


def timeline(length_s, *spans, told_s=None):
    return {
        "length_s": length_s,
        "told_s": length_s if told_s is None else told_s,
        "spans": [
            {"payload": "00" * 8, "start_s": start, "end_s": end, "of_this_work": ours}
            for start, end, ours in spans
        ],
    }


def kinds(strip):
    return [block.kind for block in strip.blocks]


class TestStrip:
    def test_says_second_by_second_what_was_found(self):
        strip = marked_film.strip(timeline(6.0, (0.0, 2.5, True), (4.0, 5.0, False)))
        assert kinds(strip) == ["ours", "ours", "ours", "absent", "other", "absent"]
        assert strip.stretches == [
            ("ours", "0:00", "0:02"),
            ("absent", "0:02", "0:04"),
            ("other", "0:04", "0:05"),
            ("absent", "0:05", "0:06"),
        ]
        assert (strip.seconds, strip.more) == (1, 0)
        assert sum(block.width for block in strip.blocks) == marked_film.WIDTH

    def test_shows_a_foreign_second_in_an_hour(self):
        """The planted fault: by majority, a block of thirty seconds is of this work."""
        foreign = (1000.0, 1001.0, False)
        strip = marked_film.strip(
            timeline(3600.0, (0.0, 1000.0, True), foreign, (1001, 3600, True))
        )
        assert len(strip.blocks) == marked_film.MOST_BLOCKS
        assert kinds(strip).count("other") == 1
        assert ("other", "16:40", "16:41") in strip.stretches

    def test_of_a_film_without_a_mark_all_is_empty(self):
        strip = marked_film.strip(timeline(2.0))
        assert kinds(strip) == ["absent", "absent"]
        assert strip.stretches == [("absent", "0:00", "0:02")]

    @pytest.mark.parametrize("nothing", [None, timeline(0.0)])
    def test_of_what_is_no_film_there_is_none(self, nothing):
        assert marked_film.strip(nothing) is None

    def test_lists_no_more_than_a_page_holds_and_says_so(self):
        spans = [(each * 4.0, each * 4.0 + 2, True) for each in range(100)]
        strip = marked_film.strip(timeline(400.0, *spans))
        assert (len(strip.stretches), strip.more) == (marked_film.MOST_LINES, 160)

    def test_ends_where_marks_were_too_many_to_be_told(self):
        """The planted fault: what nobody told of is drawn as without a mark."""
        strip = marked_film.strip(timeline(60.0, (0.0, 2.0, True), told_s=2.0))
        assert kinds(strip) == ["ours", "ours"]
        assert strip.stretches == [("ours", "0:00", "0:02")]
        assert strip.until == "0:02"
        assert marked_film.strip(timeline(2.0, (0.0, 2.0, True))).until == ""

    def test_draws_a_part_of_still_frames_as_long_as_it_plays(self):
        """Ten seconds of this work, then ten frames of ten seconds each."""
        spans = [{"start_s": 0.0, "end_s": 10.0}]
        length_s = content._length_s(100.0, spans, 110.0)
        strip = marked_film.strip(timeline(length_s, (0.0, 10.0, True)))
        assert kinds(strip) == ["ours"] * 10 + ["absent"] * 100

    def test_writes_moments_as_a_player_does(self):
        assert [marked_film.clock(at) for at in (0.4, 65, 3609)] == ["0:00", "1:05", "1:00:09"]
