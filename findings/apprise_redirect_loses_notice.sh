#!/usr/bin/env bash
# apprise 2.3.0: a notice whose POST is redirected with 302 is reported as delivered, though its text reached nobody.
# Seen: the server answers POST with 302 to another path; requests follows with a GET without a body, which is answered 200;
# the result of notify() is true. (HTTP lets clients change POST to GET on 302; the caller is not told that it happened.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check apprise==2.3.0
cat > "$folder/try.py" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import apprise

seen = []


class Hook(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen.append((self.command, self.path.rstrip("/"), b"hello" in body))
        self.send_response(302 if self.command == "POST" else 200)
        self.send_header("Location", "/moved")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=server.serve_forever, daemon=True).start()
target = apprise.Apprise()
target.add(f"json://127.0.0.1:{server.server_port}/hook")
told = target.notify(body="hello")
print("requests:", seen, "| notify() says", bool(told))
assert seen == [("POST", "/hook", True), ("GET", "/moved", False)] and bool(told)
PY
cd "$folder"
venv/bin/python try.py
