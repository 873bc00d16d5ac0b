"""A hub for the tests: lists and serves the files of a folder to those who bring the token.

usage: hub.py PORT FOLDER COMMIT TOKEN LOG
"""

import json
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, FOLDER, COMMIT, TOKEN, LOG = int(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:]


class Hub(BaseHTTPRequestHandler):
    def do_GET(self):
        with open(LOG, "a") as log:
            print(self.path, file=log)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, b"gated")
        model, _, rest = self.path.removeprefix("/api/models/").removeprefix("/").partition("/revision/")
        if self.path.startswith("/api/models/") and rest in ("main", COMMIT):
            names = [{"rfilename": path.name} for path in FOLDER.iterdir()]
            return self.answer(200, json.dumps({"id": model, "sha": COMMIT, "siblings": names}).encode())
        name = self.path.partition(f"/resolve/{COMMIT}/")[2]
        if name and (FOLDER / name).is_file():
            return self.answer(200, (FOLDER / name).read_bytes())
        self.answer(404, b"not here")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Hub).serve_forever()
