# SPDX-License-Identifier: Apache-2.0
"""A real API server, as tests talk to it: requests over kept connections, and a record of all that happens to some collections."""
import http.client
import json
import ssl
import threading
import time

GROUP = "/apis/libvpc.io/v1alpha1"
VPCS, CLAIMS, ENDPOINTS = f"{GROUP}/vpcs", f"{GROUP}/networkids", f"{GROUP}/vpcendpoints"


class Refused(Exception):
    def __init__(self, code, body):
        super().__init__(f"HTTP {code}: {body[:300]!r}")
        self.code = code


class Api:
    def __init__(self, folder, server="127.0.0.1:6443", token="admin-token"):
        self.server, self.token = server, token
        self.context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
        self.of_thread = threading.local()

    def connect(self, timeout=60):
        return http.client.HTTPSConnection(self.server, context=self.context, timeout=timeout)

    def headers(self, content):
        return {"Authorization": f"Bearer {self.token}", "Content-Type": content or "", "Accept": "application/json" if content else "*/*"}

    def request(self, method, path, body=None, content="application/json"):
        """The answer, parsed; as text if content is None. A connection that the server has closed meanwhile is made anew, once."""
        text = json.dumps(body) if body is not None else None
        for last in (False, True):
            connection = getattr(self.of_thread, "connection", None) or self.connect()
            self.of_thread.connection = connection
            try:
                connection.request(method, path, text, self.headers(content))
                answer = connection.getresponse()
                told = answer.read()
            except (OSError, http.client.HTTPException):
                self.of_thread.connection = None
                if last:
                    raise
                continue
            if answer.status == 429:
                time.sleep(float(answer.headers.get("Retry-After", 1)))
                return self.request(method, path, body, content)
            if answer.status > 299:
                raise Refused(answer.status, told)
            return told.decode() if content is None else json.loads(told)
        return None

    def text(self, path):
        return self.request("GET", path, content=None)

    def create(self, path, body):
        return self.request("POST", path, body)

    def get(self, path):
        return self.request("GET", path)

    def delete(self, path):
        return self.request("DELETE", path)

    def items(self, path):
        return self.get(path)["items"]


class Record(threading.Thread):
    """All events of a collection from now on: (version, kind, object, wall-clock time of arrival)."""

    def __init__(self, api, path):
        super().__init__(daemon=True)
        self.api, self.path, self.events, self.failure = api, path, [], None
        self.version = api.get(path)["metadata"]["resourceVersion"]
        self.start()

    def run(self):
        while True:
            try:
                self.watch()
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.2)

    def watch(self):
        connection = self.api.connect(timeout=None)
        connection.request("GET", f"{self.path}?watch=true&resourceVersion={self.version}", headers=self.api.headers("application/json"))
        answer = connection.getresponse()
        for line in answer:
            event = json.loads(line)
            if event["type"] == "ERROR":
                self.failure = f"the record of {self.path} has a gap: {event['object'].get('message')}"
                return
            self.version = event["object"]["metadata"]["resourceVersion"]
            self.events.append((int(self.version), event["type"], event["object"], time.time()))
