"""The local copies of data files on S3, with several processes at work in the same folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bwp_client.warehouse import file_cache
from bwp_client.warehouse.file_cache import folder_of_copies, forget_copies, local_copies

TABLE = "s3://bucket/warehouse/events"
OTHER_PROCESS: dict[str, Callable[[], None]] = {
    "maintains": lambda: forget_copies(TABLE, keep=[]),
    "maintains with copies": lambda: forget_copies(TABLE, keep=["a.parquet"]),
}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def fetch_during(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let the download of a file write the file's key, with an act of another process in the middle."""

    def download(_bucket: str, key: str, partial: Any) -> None:
        partial.write(key.encode())
        partial.flush()
        act()

    monkeypatch.setattr(file_cache, "download", download)


@pytest.mark.parametrize("act", OTHER_PROCESS.values(), ids=OTHER_PROCESS)
def test_a_file_is_fetched_while_another_process_forgets_copies(
    act: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_during(monkeypatch, act)
    (copy,) = local_copies(TABLE, [("a.parquet", 9)])
    assert Path(copy).read_bytes() == b"warehouse/events/a.parquet"


def test_a_copy_that_goes_while_its_use_is_noted_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_during(monkeypatch, lambda: None)
    (copy,) = local_copies(TABLE, [("a.parquet", 9)])
    note_use = os.utime

    def gone_before(path: Path) -> None:
        path.unlink(missing_ok=True)
        note_use(path)

    monkeypatch.setattr(os, "utime", gone_before)
    (again,) = local_copies(TABLE, [("a.parquet", 9)])
    assert again == copy
    assert Path(again).exists()


def test_copies_and_old_parts_that_are_not_kept_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_during(monkeypatch, lambda: None)
    kept, _ = local_copies(TABLE, [("a.parquet", 9), ("b.parquet", 9)])
    left, young = (folder_of_copies(TABLE) / name for name in (".fetch-left", ".fetch-young"))
    for part in (left, young):
        part.write_bytes(b"PAR1")
    os.utime(left, (0, 0))
    forget_copies(TABLE, keep=["a.parquet"])
    assert sorted(folder_of_copies(TABLE).iterdir()) == sorted([Path(kept), young])
