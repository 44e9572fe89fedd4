"""A manifest that an earlier version wrote is read and written as it was."""

import hashlib
import json
from pathlib import Path

from support.reports import make_warehouse, report_json, run_json, steady

from bwp_client.reports.manifest import Manifest


def test_a_manifest_without_the_limits_of_the_data_keeps_its_digest_and_its_report_is_rebuilt(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    made = report_json(tmp_path)
    path = tmp_path / "reports" / made["key"] / "manifest.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    for name in ("newest_event_at", "reaches_to"):
        del value["facts"][name]
    del value["code"]["modules"], value["files"]["description.json"]
    path.with_name("description.json").unlink()
    earlier = (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    assert Manifest.from_bytes(earlier).digest == hashlib.sha256(earlier).hexdigest()[:12]
    path.write_bytes(earlier)
    assert run_json(tmp_path, "report", "rebuild", path, "--json")["is_equal"]
