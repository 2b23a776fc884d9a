"""Nothing fetches a URL that a file names: a server that waits for it is never asked."""

import socket
import struct
import threading
from collections.abc import Iterator

import av
import c2pa
import pytest

from app.provenance import content, credentials
from tests.provenance import making


class Waiting:
    """A local server that counts who connects, and answers nothing."""

    def __init__(self) -> None:
        self.asked = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/manifest.c2pa"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.asked += 1
            connection.close()

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def server() -> Iterator[Waiting]:
    waiting = Waiting()
    yield waiting
    waiting.close()


def read(path):
    """Everything that is done with an untrusted file, here without the sandbox's shut network."""
    roots = {"claim_root_pem": "", "tsa_root_pem": ""}
    credentials.find_remains(path=str(path))
    found = credentials.read_credentials(path=str(path), **roots)
    return found, content.read_content(path=str(path), watermark_keys_hex={})


def xmp(url: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{url}"/></rdf:RDF>'
        "</x:xmpmeta>"
    ).encode()


def with_reference(film: bytes, url: str) -> bytes:
    """A film whose first track says that its samples lie at a URL."""
    at = film.index(b"url \x00\x00\x00\x01")
    entry = b"url \x00\x00\x00\x00" + url.encode() + b"\x00"
    grown = bytearray(film[:at] + entry + film[at + 8 :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref", b"url "):
        size = film.rindex(kind, 0, at + 4) - 4
        struct.pack_into(
            ">I", grown, size, struct.unpack_from(">I", film, size)[0] + len(entry) - 8
        )
    return bytes(grown)


class TestNothingIsFetched:
    def test_no_manifest_that_a_picture_says_lies_elsewhere(self, server, tmp_path):
        path = making.make_media(tmp_path / "in.jpg")
        whole, said = path.read_bytes(), b"http://ns.adobe.com/xap/1.0/\x00" + xmp(server.url)
        path.write_bytes(
            whole[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(said)) + said + whole[2:]
        )
        found, seen = read(path)
        assert (found["state"], seen["readable"], server.asked) == ("absent", True, 0)

    @pytest.mark.parametrize("kind", ["png", "mp4", "wav", "mp3"])
    def test_nor_one_that_the_library_itself_left_elsewhere(
        self, kind, server, authority, tmp_path
    ):
        path, out = making.make_media(tmp_path / f"in.{kind}"), tmp_path / f"out.{kind}"
        signer = c2pa.Signer.from_callback(
            authority.signer.sign, c2pa.C2paSigningAlg.ES256, authority.signer.chain_pem
        )
        builder = c2pa.Builder(making.a_manifest(path).definition, credentials.context())
        builder.set_no_embed()
        builder.set_remote_url(server.url)
        media_type = making.media_type_of(path)
        with signer, path.open("rb") as source, out.open("w+b") as target:
            builder.sign(signer, media_type, source, target)
        found, seen = read(out)
        assert (found["state"], seen["readable"], server.asked) == ("absent", True, 0)

    def test_no_samples_that_a_film_says_lie_elsewhere(self, server, tmp_path):
        path = making.make_media(tmp_path / "in.mp4")
        path.write_bytes(with_reference(path.read_bytes(), server.url))
        read(path)
        assert server.asked == 0

    @pytest.mark.parametrize("before", [b"", b"ID3\x04\x00\x00\x00\x00\x00\x00"])
    def test_no_playlist_whatever_it_calls_itself(self, before, server, tmp_path):
        path = tmp_path / "in.mp3"
        path.write_bytes(before + playlist(server.url))
        _, seen = read(path)
        assert (seen["readable"], server.asked) == (False, 0)

    @pytest.mark.parametrize(
        "text",
        [
            '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
            "ffconcat version 1.0\nfile {url}\n",
            "v=0\nc=IN IP4 127.0.0.1\na=control:{url}\nm=video 9 RTP/AVP 96\n",
            '<?xml version="1.0"?><MPD><BaseURL>{url}</BaseURL></MPD>',
        ],
    )
    def test_nothing_that_a_text_points_to(self, text, server, tmp_path):
        path = tmp_path / "in.jpg"
        path.write_text(text.format(url=server.url))
        _, seen = read(path)
        assert (seen["readable"], server.asked) == (False, 0)

    def test_a_reader_that_follows_would_be_noticed(self, server, tmp_path):
        """The planted fault: the reader guesses that this is a playlist, and plays it."""
        path = tmp_path / "in.mp3"
        path.write_bytes(playlist(server.url))
        options = {"protocol_whitelist": "file,http,tcp"}
        with pytest.raises(av.FFmpegError):
            av.open(str(path), format="hls", options=options, timeout=5)
        assert server.asked > 0


def playlist(url: str) -> bytes:
    return (f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}.ts\n#EXT-X-ENDLIST\n").encode()
