"""A hub for the tests: lists and serves the files of a folder to those who bring the token.

usage: hub.py PORT FOLDER COMMIT TOKEN LOG

While there is a file LOG.cut, transfers of weights break off half-way.
"""

import hashlib
import json
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, FOLDER, COMMIT, TOKEN, LOG = int(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:]


def etag(name, content):
    """Of the hub: SHA-256 of large files, git's SHA-1 of the others."""
    if name.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(BaseHTTPRequestHandler):
    def do_GET(self):
        span = self.headers.get("Range", "")
        with open(LOG, "a") as log:
            print(self.command, self.path, span, file=log)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, b"gated", {"X-Error-Code": "GatedRepo"})
        model, _, rest = self.path.removeprefix("/api/models/").removeprefix("/").partition("/revision/")
        if self.path.startswith("/api/models/") and rest in ("main", COMMIT):
            names = [{"rfilename": path.name} for path in FOLDER.iterdir()]
            return self.answer(200, json.dumps({"id": model, "sha": COMMIT, "siblings": names}).encode())
        name = self.path.partition(f"/resolve/{COMMIT}/")[2]
        if not name or not (FOLDER / name).is_file():
            return self.answer(404, b"not here", {"X-Error-Code": "EntryNotFound"})
        content = (FOLDER / name).read_bytes()
        headers = {"ETag": f'"{etag(name, content)}"', "X-Repo-Commit": COMMIT}
        first = int(span.removeprefix("bytes=").partition("-")[0] or 0)
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.answer(206 if first else 200, content[first:], headers, name.endswith(".safetensors"))

    do_HEAD = do_GET

    def answer(self, status, body, headers={}, weights=False):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            cut = weights and pathlib.Path(LOG + ".cut").exists()
            self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Hub).serve_forever()
