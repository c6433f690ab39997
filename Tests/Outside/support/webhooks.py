"""Senders of events over HTTP: CloudEvents in each mode, and Shopify's webhooks."""
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import urllib.parse

from . import PATIENCE
from .api import new_name, now

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


class Answer:
    """What a request was answered."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def results(self):
        """What became of each event, by its name without prefix, and why."""
        return [(result["outcome"].removeprefix("EVENT_OUTCOME_"), result["reason"])
                for result in json.loads(self.text)["results"]]


class Sender:
    """One connection, kept from request to request."""

    def __init__(self, server, path="/events", **headers):
        self.path = path
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection = http.client.HTTPConnection(server.http_address, timeout=PATIENCE)

    def request(self, method, headers, body=None):
        self.connection.request(method, self.path, body=body, headers={**self.headers, **headers})
        return Answer(self.connection.getresponse())

    def post(self, body, content_type, **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", {"Content-Type": content_type, **headers}, body)

    def results(self, body, content_type):
        answer = self.post(body, content_type, Prefer="return=representation")
        assert answer.status == 200, answer.text
        return answer.results

    def binary(self, event, **headers):
        """The same event in the binary mode."""
        event = dict(event)
        body = json.dumps(event.pop("data")).encode() if "data" in event else b""
        attributes = {f"ce-{name}": urllib.parse.quote(str(value)) for name, value in event.items()}
        return self.post(body, "application/json", **attributes, **headers)


def text_time(nanoseconds=None):
    """A time of RFC 3339, to the nanosecond."""
    seconds, rest = divmod(nanoseconds or now(), 1_000_000_000)
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{rest:09}Z")


def cloud_event(kind, sku="", location="WH1", time=None, data=None, **attributes):
    """One in the JSON format. `kind` is the contract's name."""
    event = {"specversion": "1.0", "id": new_name("event"), "source": "/wms/eu", "time": time or text_time(),
             "type": f"com.example.inventory.{kind.lower()}.v1", **attributes}
    if sku:
        event.setdefault("subject", f"skus/{urllib.parse.quote(sku, safe='')}/locations/{location}")
    if data is not None:
        event["data"] = data
    return event


def shopify_headers(topic, body, secret, shop="one.myshopify.com", id=None, **more):
    code = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": shop, "X-Shopify-Webhook-Id": id or new_name("webhook"),
            "X-Shopify-Hmac-SHA256": base64.b64encode(code).decode(), "Content-Type": "application/json", **more}
