"""What every test may use: the support package, a sample written once, and a real S3 server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bwp_client.sandbox.sample import write_sample

pytest_plugins = ["support.s3"]


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give 5,000 sample records in every framing, up to yesterday."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, events=5000, seed=11, until=(datetime.now(UTC) - timedelta(days=1)).date())
    return folder
