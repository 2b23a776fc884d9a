import numpy as np
import pytest

from tests.watermark.clips import KEY, OTHER_KEY, PAYLOAD
from watermark import payload
from watermark.errors import BadPayload


class TestEncode:
    def test_comes_back_through_noise_stronger_than_the_signal(self):
        noise = np.random.default_rng(1).normal(0, 1.2, payload.CODED_BITS)
        assert payload.decode(payload.encode(PAYLOAD, KEY) + noise, KEY) == (PAYLOAD, 1)

    def test_differs_in_many_code_bits_when_one_payload_bit_differs(self):
        near = bytes([PAYLOAD[0] ^ 1]) + PAYLOAD[1:]
        distance = np.sum(payload.encode(PAYLOAD, KEY) != payload.encode(near, KEY))
        assert distance >= 33

    @pytest.mark.parametrize("wrong", [b"", b"7 bytes", b"nine byte"])
    def test_refuses_payloads_of_other_lengths(self, wrong):
        with pytest.raises(BadPayload):
            payload.check(wrong, KEY)

    def test_refuses_short_keys(self):
        with pytest.raises(BadPayload):
            payload.check(PAYLOAD, b"fifteen bytes..")


class TestDecode:
    def test_reads_nothing_with_another_key(self):
        assert payload.decode(payload.encode(PAYLOAD, KEY), OTHER_KEY, 64) == (None, 64)

    def test_reads_nothing_in_noise(self):
        rng = np.random.default_rng(2)
        for _ in range(25):
            assert payload.decode(rng.normal(size=payload.CODED_BITS), KEY, 32) == (None, 32)

    def test_would_answer_noise_with_a_payload_if_the_tag_were_not_checked(self, monkeypatch):
        monkeypatch.setattr(payload, "tag_matches", lambda *_: True)
        noise = np.random.default_rng(2).normal(size=payload.CODED_BITS)
        assert payload.decode(noise, KEY)[0] is not None

    def test_tags_of_noise_agree_in_half_their_bits_as_the_bound_assumes(self, monkeypatch):
        shares = []

        def watched(found, tag, key):
            shares.append(np.mean(payload._tag(found, key) == tag))
            return False

        monkeypatch.setattr(payload, "tag_matches", watched)
        rng = np.random.default_rng(3)
        for _ in range(30):
            payload.decode(rng.normal(size=payload.CODED_BITS), KEY, 16)
        bits = len(shares) * payload.TAG_BITS
        assert abs(np.mean(shares) - 0.5) < 4 * 0.5 / np.sqrt(bits)
        assert abs(np.var(shares) * payload.TAG_BITS / 0.25 - 1) < 0.5

    def test_tries_the_next_likely_messages_where_the_first_is_wrong(self):
        rng = np.random.default_rng(7)
        code = payload.encode(PAYLOAD, KEY)
        seen = [code + rng.normal(0, 1.45, len(code)) for _ in range(12)]
        first = [payload.decode(soft, KEY)[0] == PAYLOAD for soft in seen]
        listed = [payload.decode(soft, KEY, 128) for soft in seen]
        assert {found for found, _ in listed} <= {PAYLOAD, None}
        assert sum(found == PAYLOAD for found, _ in listed) >= sum(first) + 1

    def test_counts_each_different_message_once_in_order_of_likelihood(self):
        soft = np.random.default_rng(8).normal(size=(payload.MESSAGE_BITS, payload.RATE))
        messages = list(payload._likeliest(soft.astype(np.float32), 40))
        assert len({m.tobytes() for m in messages}) == 40
        fits = [float(payload._encode_bits(m) @ soft.ravel()) for m in messages]
        assert fits[0] == max(fits)


class TestLog10FalsePositive:
    def test_keeps_a_whole_file_under_one_in_a_billion(self):
        assert payload.log10_false_positive(payload.MAX_ATTEMPTS) <= -9

    @pytest.mark.parametrize("keys", [(KEY,), (KEY, OTHER_KEY), (KEY, OTHER_KEY, bytes(32))])
    def test_so_do_all_the_keys_that_one_file_is_searched_with(self, keys):
        together = len(keys) * payload.limit(keys)
        assert payload.log10_false_positive(together) <= -9

    def test_grows_with_every_attempt(self):
        assert payload.log10_false_positive(100) == pytest.approx(
            payload.log10_false_positive(1) + 2
        )
