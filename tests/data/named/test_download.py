"""Files appear in the cache whole and right, or not at all."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from chainrule.config import config
from chainrule.data.named import download
from chainrule.data.named.download import RemoteFile, read_content
from chainrule.data.named.image_sets import CIFAR10_FILES
from chainrule.errors import FileError

CONTENT = b"1 2 3\n4 5 6\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "data_folder", None)


def remote(tmp_path: Path, *served: bytes | None, **settings: bool) -> RemoteFile:
    """A file with one address for each content; None is an address that is dead."""
    urls = []
    for number, content in enumerate(served):
        path = tmp_path / f"served-{number}"
        if content is not None:
            path.write_bytes(content)
        urls.append(path.as_uri())
    return RemoteFile("set/file.txt.gz", SHA256, tuple(urls), **settings)


def left_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("served", "name"),
    [(gzip.compress(CONTENT, mtime=0), "file.txt.gz"), (CONTENT, "file.txt")],
)
def test_a_download_is_kept_and_not_repeated(
    tmp_path: Path, own_cache: Path, served: bytes, name: str
) -> None:
    file = remote(tmp_path, served)
    assert read_content(file) == CONTENT
    assert left_in(own_cache) == [name]
    os.remove(tmp_path / "served-0")
    assert read_content(file) == CONTENT


def test_the_next_address_is_tried(tmp_path: Path, own_cache: Path) -> None:
    file = remote(
        tmp_path, None, b"an error page", gzip.compress(CONTENT, mtime=0)[:-5], CONTENT
    )
    assert read_content(file) == CONTENT
    assert left_in(own_cache) == ["file.txt"]


@pytest.mark.parametrize(
    "served", [b"", b"other", gzip.compress(CONTENT, mtime=0)[:20]]
)
def test_a_wrong_download_leaves_nothing(
    tmp_path: Path, own_cache: Path, served: bytes
) -> None:
    with pytest.raises(FileError, match="wrong checksum; what came was removed"):
        read_content(remote(tmp_path, served))
    assert left_in(own_cache) == []


def test_without_a_network_the_places_and_the_cure_are_named(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "data_folder", tmp_path / "mine")
    with pytest.raises(FileError) as caught:
        read_content(remote(tmp_path, None))
    mine = tmp_path / "mine/set/file.txt.gz"
    cached = own_cache / "data/set/file.txt.gz"
    assert caught.value.what.startswith(
        f"data: set/file.txt.gz: not at {mine} and {cached}, and not downloaded: file:"
    )
    assert caught.value.fix == (
        "connect to the network, or set CHAINRULE_DATA to a folder that holds "
        "set/file.txt.gz"
    )


def test_a_file_that_lies_as_its_archive_left_it_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "data_folder", tmp_path)
    file = RemoteFile("set/file.txt.xz", SHA256, (), also=("archive/file.txt",))
    assert not download.is_present(file)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive/file.txt").write_bytes(CONTENT)
    assert download.is_present(file)
    assert read_content(file) == CONTENT


def test_where_there_is_no_address_the_cure_says_how_people_get_the_file(
    tmp_path: Path, own_cache: Path
) -> None:
    with pytest.raises(FileError, match="no address is known") as caught:
        read_content(CIFAR10_FILES[1])
    assert caught.value.fix == (
        "unpack cifar-10-binary.tar.gz, from "
        "https://www.cs.toronto.edu/~kriz/cifar.html, in the folder that "
        "CHAINRULE_DATA names"
    )


def test_an_interrupted_download_leaves_nothing(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(url: str, out: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_content(remote(tmp_path, CONTENT))
    assert left_in(own_cache) == []


def test_a_damaged_file_in_the_cache_is_replaced(
    tmp_path: Path, own_cache: Path
) -> None:
    file = remote(tmp_path, gzip.compress(CONTENT, mtime=0))
    read_content(file)
    cached = own_cache / "data/set/file.txt.gz"
    cached.write_bytes(cached.read_bytes()[:10])
    assert read_content(file) == CONTENT


def test_a_damaged_file_of_the_user_is_named_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "data_folder", tmp_path / "mine")
    path = tmp_path / "mine/set/file.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"other")
    with pytest.raises(FileError, match="checksum") as caught:
        read_content(remote(tmp_path, CONTENT))
    assert str(path) in caught.value.what and path.exists()


def test_the_checksum_of_a_text_ignores_line_endings(tmp_path: Path) -> None:
    words = hashlib.sha256(b"1 2 3 4 5 6").hexdigest()
    served = tmp_path / "served"
    served.write_bytes(CONTENT.replace(b"\n", b"\r\n"))
    file = RemoteFile("set/file.txt", words, (served.as_uri(),), text=True)
    assert read_content(file).split() == CONTENT.split()


def test_a_short_answer_of_a_server_is_an_error(
    tmp_path: Path, own_cache: Path
) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Short(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT) + 10))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Short)
    thread = Thread(target=server.handle_request)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/file"
        with pytest.raises(FileError, match=r"12 of 22 bytes came|IncompleteRead"):
            read_content(RemoteFile("set/file.txt", SHA256, (url,)))
    finally:
        thread.join()
        server.server_close()
    assert left_in(own_cache) == []
