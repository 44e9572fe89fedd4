"""Inspects how S3, an archive and the API are set up. Each finding is OK, or names the fault and its fix; nothing changes."""

from bwp_client.doctor.findings import Finding
from bwp_client.doctor.permissions import permission_finding

__all__ = ["Finding", "permission_finding"]
