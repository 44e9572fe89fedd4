"""What is known about codes comes from one file, which a file of one's own adds to."""

from pathlib import Path

import pandas as pd
import pytest

from bwp_client.errors import SettingsError
from bwp_client.metrics.guidance import guidance_for, with_guidance

OWN = """
[[codes]]
code = "ORDERS_NOT_CLOSED"
class = "Ours"
action = "Call the warehouse."

[[codes]]
code = "MY_CODE"
class = "Mine"
action = "Do this."
"""


def test_a_file_of_ones_own_adds_codes_and_replaces_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = guidance_for("ORDERS_NOT_CLOSED")
    path = tmp_path / "codes.toml"
    path.write_text(OWN, encoding="utf-8")
    monkeypatch.setenv("BWP_ERROR_CODES_FILE", str(path))
    assert guidance_for("ORDERS_NOT_CLOSED").action == "Call the warehouse." != known.action
    assert guidance_for("DATA_SUBJECT_NOT_FOUND").code_class == "Shopper unknown"
    frame = with_guidance(pd.DataFrame({"code": ["MY_CODE", "NEVER_HEARD_OF"]}))
    assert frame["class"].tolist() == ["Mine", "Not documented"]


@pytest.mark.parametrize("text", [None, "codes = 3", "[[codes]]\ncode = 'A'", "[[codes", b"\xff\xfe"])
def test_a_wrong_file_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes | None) -> None:
    path = tmp_path / "codes.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setenv("BWP_ERROR_CODES_FILE", str(path))
    with pytest.raises(SettingsError, match="BWP_ERROR_CODES_FILE"):
        guidance_for("A")
