"""Inspects the set-up of S3, an archive and the API without changing it. Each finding is OK, or a fault with its fix."""

from bwp_client.doctor.findings import Finding
from bwp_client.doctor.permissions import permission_finding

__all__ = ["Finding", "permission_finding"]
