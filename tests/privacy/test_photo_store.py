"""A stored photo is sealed, whole, and named by nothing that is known of it; no crash and no full disk leaves half of one."""

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import NotFound, Unavailable
from backend.intake import photo_store
from backend.intake.photo_store import FolderStore
from backend.sealing import Ring, fresh_key
from tests.api.builders import Api, a_photo, a_report, problem_of
from tests.keys import KEYS, RING

CONTENT = b"\x00" + b"the picture of somebody" * 4000


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "photos", RING)


def files(store: FolderStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_what_was_put_is_read_and_lies_sealed(store: FolderStore) -> None:
    key = store.put(CONTENT)
    assert store.read(key) == CONTENT
    (path,) = files(store)
    assert b"somebody" not in path.read_bytes()
    assert key in path.name


def test_the_name_of_a_file_says_nothing_of_what_is_in_it(store: FolderStore) -> None:
    assert store.put(CONTENT) != store.put(CONTENT)


def test_a_file_put_in_the_place_of_another_does_not_open(store: FolderStore) -> None:
    one, other = store.put(b"one"), store.put(b"other")
    paths = {path.stem: path for path in files(store)}
    paths[one].write_bytes(paths[other].read_bytes())
    with pytest.raises(Unavailable):
        store.read(one)


def test_a_photo_of_the_version_before_is_read_where_it_lies(store: FolderStore) -> None:
    key = "ab" * 32
    folder = store.root / "ab" / "ab"
    folder.mkdir(parents=True)
    (folder / f"{key}.jpg").write_bytes(b"\xff\xd8 jpeg")
    assert store.read(key) == b"\xff\xd8 jpeg"
    assert store.delete(key)
    assert files(store) == []


def test_a_deleted_photo_is_gone(store: FolderStore) -> None:
    key = store.put(b"x")
    assert store.delete(key) is True
    assert store.delete(key) is False
    with pytest.raises(NotFound):
        store.read(key)


@pytest.mark.parametrize("key", ["../../etc/passwd", "", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n"])
def test_a_key_that_is_none_opens_nothing(store: FolderStore, key: str) -> None:
    for ask in (store.read, store.delete, store.reseal):
        with pytest.raises(NotFound):
            ask(key)


def test_a_photo_is_sealed_anew_with_the_newest_key(store: FolderStore) -> None:
    key = store.put(CONTENT)
    both = Ring.parse(f"{fresh_key('new')},{KEYS}")
    newer = FolderStore(store.root, both)
    assert newer.reseal(key) is True
    assert newer.reseal(key) is False
    assert FolderStore(store.root, Ring([("x", bytes(32))])).root == store.root
    assert newer.read(key) == CONTENT
    with pytest.raises(Unavailable):
        store.read(key)


def test_many_at_once_are_all_there(store: FolderStore) -> None:
    keys: list[str] = []
    threads = [threading.Thread(target=lambda: keys.append(store.put(CONTENT))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.read(key) for key in keys] == [CONTENT] * 8


def test_a_crash_while_writing_leaves_no_half_photo(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(KeyboardInterrupt):
        store.put(b"x")
    assert files(store) == []


def test_file_and_folders_are_on_the_disk_before_the_key_is_known(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    real = os.fsync

    def note(handle: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{handle}").readlink())
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    key = store.put(b"x")
    folder = store.root / key[:2] / key[2:4]
    assert flushed[0].parent == folder
    assert flushed[1:] == [folder, folder.parent, store.root]


_PUTTING = """
    import sys
    from pathlib import Path
    from backend.intake.photo_store import FolderStore
    from tests.keys import RING
    store = FolderStore(Path(sys.argv[1]), RING)
    while True:
        print(store.put(b"\\x00" + b"p" * 300_000), flush=True)
"""


def test_killed_at_any_moment_every_key_that_was_told_has_its_whole_file(store: FolderStore) -> None:
    told: list[str] = []
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_PUTTING), str(store.root)],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        ) as putting:  # fmt: skip
            assert putting.stdout is not None
            told += [putting.stdout.readline().strip() for _ in range(5)]
            putting.send_signal(signal.SIGKILL)
            told += [line.strip() for line in putting.stdout if len(line) == 65]
    assert len(told) >= 20
    for key in told:
        assert len(store.read(key)) == 300_001
    for file in store.files():
        if file.key is not None:
            assert len(store.read(file.key)) == 300_001, "what is there under a name is whole"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB; only root may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_in_words_and_leaves_nothing_half_written(small_disk: Path) -> None:
    store = FolderStore(small_disk / "photos", RING)
    keys = [store.put(os.urandom(60_000)) for _ in range(2)]
    with pytest.raises(Unavailable) as refused:
        keys.extend(store.put(os.urandom(60_000)) for _ in range(10))
    assert refused.value.code == "photo_store_full"
    assert "存储空间已满" in refused.value.zh
    assert "disk is full" in refused.value.en
    assert {path.stem for path in files(store)} == set(keys)
    assert all(len(store.read(key)) == 60_000 for key in keys)
    store.delete(keys.pop())
    assert store.read(store.put(b"again")) == b"again"


_LIMITED = """
    import signal, sys
    from pathlib import Path
    from backend.errors import Unavailable
    from backend.intake.photo_store import FolderStore
    from tests.keys import RING
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        FolderStore(Path(sys.argv[1]), RING).put(b"p" * 300_000)
    except Unavailable as refused:
        print(refused.code)
"""


def test_a_write_that_is_cut_off_leaves_nothing(store: FolderStore) -> None:
    """As on a full disk, where no file system can be mounted: the system refuses to write beyond 100 kB."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_LIMITED), str(store.root)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert done.stdout.strip() == "photo_store_full"
    assert files(store) == []


@pytest.mark.parametrize(("number", "code"), [(28, "photo_store_full"), (5, "photo_store_down")])
def test_a_folder_that_cannot_be_flushed_keeps_no_photo(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("backend.intake.photo_store._flush", refuse)
    with pytest.raises(Unavailable) as refused:
        store.put(b"x")
    assert refused.value.code == code
    assert files(store) == []


async def test_a_full_disk_reaches_the_reporter_in_words_and_leaves_neither_row_nor_file(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = await api.public.did("/api/reports", a_report())
    path, photo = f"/api/reports/{receipt['receipt']}/photos", {"photo": ("a.jpg", a_photo(), "image/jpeg")}
    root = api.parts.settings.data_folder / "photos"
    written = 0
    real = photo_store._write_whole

    def full_at_the_second(path: Path, data: bytes) -> None:
        nonlocal written
        written += 1
        if written > 1:
            raise OSError(errno.ENOSPC, "no room")
        real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(photo_store, "_write_whole", full_at_the_second)
        said = problem_of(await api.http.post(path, files=photo))
    assert (said["status"], said["code"]) == (503, "photo_store_full")
    assert "存储空间已满" in said["detail_zh"]
    assert not [path for path in root.rglob("*") if path.is_file()]
    assert (await api.http.post(path, files=photo)).status_code == 201
    assert (await api.http.post(path, files=photo)).status_code == 201
    assert len([path for path in root.rglob("*") if path.is_file()]) == 2, "the same picture again is the one there is"
