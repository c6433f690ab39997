"""A receiver of webhooks as others write theirs: it checks signatures by a code of its own, and answers as a script says."""
import base64
import collections
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time

from . import PATIENCE
from .server import eventually

SECRETS = [base64.b64encode(bytes([number] * 32)).decode() for number in (7, 9)]


class Delivery:
    """One attempt."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.body = body
        self.event = json.loads(body)
        self.time = time.monotonic()
        self.status = None

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def line(self):
        line, = self.event["data"]["lines"]
        return line

    @property
    def key(self):
        return self.line["sku"], self.line["location"]

    @property
    def available(self):
        return int(self.line["available"])


def is_signed(headers, body, secret):
    """Standard Webhooks 1.0.0, written anew: any of the signatures, and a time within five minutes."""
    stamp = headers["webhook-timestamp"]
    if abs(time.time() - int(stamp)) > 300:
        return False
    signed = f"{headers['webhook-id']}.{stamp}.".encode() + body
    expected = base64.b64encode(hmac.new(base64.b64decode(secret), signed, hashlib.sha256).digest()).decode()
    return any(version == "v1" and hmac.compare_digest(text, expected)
               for version, _, text in (part.partition(",") for part in headers["webhook-signature"].split(" ")))


class Receiver:
    """`answer` is called with each delivery and says (status, headers), or None to break the connection off; what is answered
    with 2xx counts as taken. An event as a third word has the body begun, and not ended before it is set. With `tls`, a
    certificate and its key, it speaks HTTPS."""

    def __init__(self, answer=None, secret=SECRETS[0], tls=None):
        self.answer = answer or (lambda delivery: (204, {}))
        self.secret = secret
        self.deliveries = []
        self.forged = []
        self.overlaps = []
        self._lock = threading.Lock()
        self._flying = collections.Counter()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver._serve(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def _serve(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        delivery = Delivery(handler.path, dict((name.lower(), value) for name, value in handler.headers.items()), body)
        with self._lock:
            if not is_signed(delivery.headers, body, self.secret):
                self.forged.append(delivery)
            self._flying[delivery.key] += 1
            if self._flying[delivery.key] > 1:
                self.overlaps.append(delivery)
            self.deliveries.append(delivery)
        try:
            answer = self.answer(delivery)
        finally:
            with self._lock:
                self._flying[delivery.key] -= 1
        if answer is None:
            handler.close_connection = True
            return
        delivery.status, headers, *ends = answer
        handler.send_response(delivery.status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "5" if ends else "0")
        handler.end_headers()
        for end in ends:
            handler.wfile.write(b"he")
            handler.wfile.flush()
            end.wait(PATIENCE)
            handler.close_connection = True

    @property
    def taken(self):
        """What was answered with 2xx, in the order in which it came."""
        with self._lock:
            return [one for one in self.deliveries if one.status and 200 <= one.status < 300]

    @property
    def latest(self):
        """The figure taken last of each (sku, location)."""
        return {one.key: one.available for one in self.taken}

    def of(self, sku):
        with self._lock:
            return [one for one in self.deliveries if one.key[0] == sku]

    def until(self, sku, available, location=""):
        eventually(lambda: self.latest.get((sku, location)) == available, f"{sku} at {available}")
        return self

    def check(self):
        """Every attempt was signed, and no line ever had two on their way."""
        assert not self.forged and not self.overlaps
        return self

    def close(self):
        self.server.shutdown()
        self.server.server_close()
