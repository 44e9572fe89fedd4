#!/usr/bin/env bash
# boto3 1.44.5 and obstore 0.12.1: both take any XML answer with status 200 for a listing without objects, and raise nothing.
# Seen with a local server that answers with a page of XHTML, as a captive portal or a proxy does: boto3's list_objects_v2
# returns a response with neither Contents nor Name, KeyCount and IsTruncated, which S3 always sends; its paginator yields one
# page of nothing; obstore's list yields no page. A load that trusts the listing finds "nothing new".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check boto3==1.44.5 obstore==0.12.1
cat > "$folder/try.py" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import obstore
from obstore.store import S3Store

PAGE = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Please sign in</p></body></html>'


class Portal(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/xhtml+xml")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.server_port}"
login = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **login)
listing = client.list_objects_v2(Bucket="bucket")
pages = [page.get("Contents", []) for page in client.get_paginator("list_objects_v2").paginate(Bucket="bucket")]
store = S3Store(
    "bucket", endpoint=endpoint, region="us-east-1", access_key_id="key", secret_access_key="secret",
    virtual_hosted_style_request=False, client_options={"allow_http": True}, retry_config={"max_retries": 0},
)
listed = [item for page in obstore.list(store) for item in page]
sent = sorted(set(listing) - {"ResponseMetadata"})
print("boto3:", sent, "| pages of the paginator:", pages, "| obstore:", listed)
assert not {"Name", "KeyCount", "IsTruncated", "Contents"} & set(sent) and pages == [[]]
assert listed == []
PY
cd "$folder"
venv/bin/python try.py
