"""What is set up wrong, line by line: each line is OK, or says what is wrong with the exact fix. Nothing is changed."""

from bwp_client.doctor.findings import Check
from bwp_client.doctor.permissions import check, permission_line

__all__ = ["Check", "check", "permission_line"]
