"""Loads in several containers may share one folder for temporary files, and see none of each other's processes."""

import os
import platform
import time
from pathlib import Path
from typing import NoReturn

import pytest
from support.events import many, write

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.temp_folders import remove_abandoned_folders

PREFIX = "bwp-load-"


def no_process(*_: int) -> NoReturn:
    raise ProcessLookupError


def test_a_load_elsewhere_leaves_a_running_load_its_files_and_clears_those_of_yesterday(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    write(tmp_path / "a.json", many(30))

    def clear_elsewhere(*_: object) -> None:
        (folder,) = temporary.glob(f"{PREFIX}*")
        left = folder.with_name(f"{folder.name}left")
        left.mkdir()
        yesterday = time.time() - 25 * 3600
        os.utime(left, (yesterday, yesterday))
        with pytest.MonkeyPatch.context() as elsewhere:
            elsewhere.setattr(platform, "node", lambda: "another-container")
            elsewhere.setattr(os, "kill", no_process)
            remove_abandoned_folders(temporary, PREFIX)
        assert list(temporary.iterdir()) == [folder]

    result = load(Warehouse(str(tmp_path / "w")), open_source(str(tmp_path / "a.json")), on_progress=clear_elsewhere)
    assert result.stored == 30
