"""Errors of the store of reports say what is published, and what is not."""

import errno
import os
import stat
from pathlib import Path

import pytest
from support.reports import make_warehouse, report_json, steady

from bwp_client.errors import WarehouseError
from bwp_client.reports.store_local import LocalStore


def test_a_log_that_can_not_be_written_does_not_unpublish_a_report(tmp_path: Path) -> None:
    """The log is written after the publication, too."""
    (tmp_path / "log").write_text("a file")
    with pytest.raises(WarehouseError, match=r"log/x\.json can't be written .* Published reports are unchanged\."):
        LocalStore(str(tmp_path)).write_log("x.json", b"{}")


def test_a_report_is_published_where_folders_can_not_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems refuse to sync a folder; the report is in its place by then."""
    make_warehouse(tmp_path, *steady())
    sync = os.fsync

    def refuse_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    assert report_json(tmp_path)["state"] == "published"
