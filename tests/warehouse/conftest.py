"""The two kinds of address that a warehouse may have: a local folder and an S3 prefix."""

from pathlib import Path

import pytest
from support.s3 import Bucket


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.s3)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "disk":
        return str(tmp_path / "warehouse")
    bucket: Bucket = request.getfixturevalue("bucket")
    return f"{bucket.uri}/warehouse"
