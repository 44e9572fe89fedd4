"""The client of the Buy with Prime API: asks why tasks failed, within the server's limits.

It sends two read-only queries and no mutation.
"""

from bwp_client.api.client import BuyWithPrimeClient
from bwp_client.api.lookup import Lookup, LookupState, TaskError, TaskRef, TaskStatus, pause_after

__all__ = ["BuyWithPrimeClient", "Lookup", "LookupState", "TaskError", "TaskRef", "TaskStatus", "pause_after"]
