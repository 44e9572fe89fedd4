"""`enrich` as a process of its own that prints the most memory that it ever held, in MiB, and how it ended."""

import json
import sys
from pathlib import Path

from bwp_client.enrich import enrich
from bwp_client.enrich.options import Seams
from bwp_client.errors import RemoteError
from bwp_client.settings import Settings
from bwp_client.warehouse import Warehouse
from support.asking import impatient


def main(warehouse: str, url: str) -> None:
    api = {
        "endpoint": f"{url}/graphql",
        "token_endpoint": f"{url}/token",
        "credentials": {"*": {"client_id": "any", "client_secret": "the-secret"}},
        "requests_per_second": 1_000,
        "concurrency": 8,
    }
    try:
        result = enrich(Warehouse(warehouse), Settings(api=api), seams=Seams(client_factory=impatient))
        end = f"{result.found} found"
    except RemoteError as error:
        end = str(error)
    # Not getrusage(), whose peak includes the memory of the process that forked this one.
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [peak] = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    print(json.dumps({"mebibytes": int(peak) / 1024, "end": end}))


if __name__ == "__main__":
    main(*sys.argv[1:])
