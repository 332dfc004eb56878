"""Serves the page on this computer only, with its security headers. Python 3.7 or newer, standard library alone.

    python3 serve.py [--port N]

headers.txt ("Name: value") and types.txt ("extension type") lie beside this file, the page in ../page.
"""

import argparse
import os
import re
import shutil
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.realpath(os.path.join(HERE, os.pardir, "page"))
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def read_pairs(name, separator):
    """The lines of a file beside this one, split once."""
    with open(os.path.join(HERE, name), encoding="utf-8") as lines:
        return [tuple(line.rstrip("\r\n").split(separator, 1)) for line in lines if line.strip()]


HEADERS = read_pairs("headers.txt", ": ")
TYPES = dict(read_pairs("types.txt", " "))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(with_body=True)

    def do_HEAD(self):
        self.answer(with_body=False)

    def answer(self, with_body):
        # A page of another site that rebinds its name to 127.0.0.1 must not read this one.
        if re.sub(r":\d+$", "", self.headers.get("Host", "")) not in LOOPBACK_NAMES:
            return self.refuse(421, "Only localhost is served here.")
        path = unquote(urlsplit(self.path).path)
        relative = path.lstrip("/") or "index.html"
        file = "" if "\0" in relative else os.path.realpath(os.path.join(PAGE, relative))
        if not file.startswith(PAGE + os.sep) or not os.path.isfile(file):
            return self.refuse(404, "Not found.")
        with open(file, "rb") as content:
            self.send_response(200)
            self.send_header("Content-Type", TYPES.get(os.path.splitext(file)[1][1:], "application/octet-stream"))
            self.send_header("Content-Length", str(os.fstat(content.fileno()).st_size))
            # Files under assets/ are named by their content.
            fresh = path.startswith("/assets/")
            self.send_header("Cache-Control", "public, max-age=31536000, immutable" if fresh else "no-cache")
            self.end_headers()
            if with_body:
                shutil.copyfileobj(content, self.wfile, 1 << 20)
        return None

    def refuse(self, status, message):
        body = (message + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def end_headers(self):
        for name, value in HEADERS:
            self.send_header(name, value)
        super().end_headers()

    def send_error(self, code, message=None, explain=None):  # methods without a do_…, malformed requests
        self.close_connection = True
        self.refuse(405 if code == 501 else code, "Not allowed." if code == 501 else "Bad request.")

    def log_message(self, *_):
        pass  # nothing of what is used here is written down


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a browser that closed its connection


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=7317)
    port = parser.parse_args().port
    try:
        server = Server(("127.0.0.1", port), Handler)
    except OSError as error:
        sys.exit("Port %d cannot be used (%s). If Hypnos already runs, open http://localhost:%d/" % (port, error, port))
    print("Hypnos: http://localhost:%d/" % server.server_port, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


main()
