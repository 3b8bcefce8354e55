# SPDX-License-Identifier: Apache-2.0
"""An API server for tests: a few collections in memory, lists and watches as Kubernetes serves them, and faults on demand.

A fault is an object with any of the hooks below; server.fault is in force until it is set to None.

    connect(server, socket)      True: the connection was dealt with
    request(server, request)     None, or (status, headers, body) in place of the real answer; may raise Cut or Stall
    stream(server, request, it)  the bytes of a list or watch, changed; may raise Cut or Stall
"""
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

GROUP = "libvpc.io/v1alpha1"
KINDS = {  # path of the collection to (apiVersion, kind)
    "/api/v1/pods": ("v1", "Pod"),
    "/api/v1/nodes": ("v1", "Node"),
    "/api/v1/namespaces": ("v1", "Namespace"),
    "/api/v1/namespaces/kube-system/configmaps": ("v1", "ConfigMap"),
    "/api/v1/namespaces/kube-system/services": ("v1", "Service"),
    "/apis/networking.k8s.io/v1/networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy"),
    f"/apis/{GROUP}/vpcs": (GROUP, "VPC"),
    f"/apis/{GROUP}/networkids": (GROUP, "NetworkID"),
    f"/apis/{GROUP}/vpcendpoints": (GROUP, "VPCEndpoints"),
}
VPCS, NETWORK_IDS, ENDPOINTS = (f"/apis/{GROUP}/{plural}" for plural in ("vpcs", "networkids", "vpcendpoints"))


class Cut(Exception):
    """The connection ends here, without a word."""


class Stall(Exception):
    """The connection stays, and nothing more ever comes."""


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.body = method, headers, body
        parts = urllib.parse.urlsplit(target)
        self.path = parts.path
        self.query = {name: values[0] for name, values in urllib.parse.parse_qs(parts.query).items()}
        self.watch = self.query.get("watch") == "true"
        self.initial = self.watch and self.query.get("sendInitialEvents") == "true"
        self.resumed = self.watch and not self.initial
        self.listing = method == "GET" and not self.watch and self.path in KINDS


def status(code, reason, message="", **details):
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message, "details": details}
    return code, {}, json.dumps(body).encode()


def make_certificates(folder):
    """Two authorities; of the first a good, an expired and a misnamed certificate, of the second a good one."""
    def run(*command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)

    def key_and_request(name):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")

    for authority in ("ca", "other-ca"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={authority}", "-keyout", f"{authority}.key", "-out", f"{authority}.crt")
    # Past dates can be named from openssl 3.4 on, which refuses fewer than no days; before, those make a certificate that
    # was never valid, which is the same to a client.
    options = subprocess.run(("openssl", "x509", "-help"), check=False, capture_output=True, text=True).stderr
    valid, over = ("-days", "2"), ("-days", "-1")
    if "-not_after" in options:
        over = ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z")
    for name, authority, names, dates in (("good", "ca", "IP:127.0.0.1,IP:192.0.2.1", valid), ("misnamed", "ca", "DNS:elsewhere.example", valid),
                                          ("expired", "ca", "IP:127.0.0.1", over), ("rotated", "other-ca", "IP:127.0.0.1", valid)):
        key_and_request(name)
        with open(os.path.join(folder, "names"), "w", encoding="ascii") as names_file:
            names_file.write(f"subjectAltName={names}")
        run("openssl", "x509", "-req", *dates, "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial", "-extfile", "names", "-out", f"{name}.crt")


class Server:
    def __init__(self, folder, address="127.0.0.1"):
        self.folder, self.address = folder, address
        self.changed = threading.Condition()
        self.version, self.next_uid = 100, 1
        self.objects = {path: {} for path in KINDS}
        self.history = {path: [] for path in KINDS}  # (version, object, the one before)
        self.floor = 0  # no watch can resume below it
        self.fault, self.hits = None, 0
        self.token, self.certificate = "secret", "good"  # no token: whoever has a certificate of the authority
        self.connections, self.listener, self.port = set(), None, 0
        self.listen()

    # ---- what there is ----

    def put(self, path, metadata, rest):
        """Creates, or replaces what has that name."""
        with self.changed:
            key = (metadata.get("namespace"), metadata["name"])
            before = self.objects[path].get(key)
            self.version += 1
            version, kind = KINDS[path]
            uid = before["metadata"]["uid"] if before else f"uid-{self.next_uid}"
            self.next_uid += 1
            annotations = dict(metadata.get("annotations", {}), mark=str(self.version))
            metadata = dict(metadata, uid=uid, resourceVersion=str(self.version), annotations=annotations)
            made = dict(apiVersion=version, kind=kind, metadata=metadata, **rest)
            self.objects[path][key] = made
            self.history[path].append((self.version, made, before))
            self.changed.notify_all()
            return made

    def delete(self, path, key):
        with self.changed:
            gone = self.objects[path].pop(key)
            self.version += 1
            self.history[path].append((self.version, None, gone))
            self.changed.notify_all()

    def compact(self):
        with self.changed:
            self.floor = self.version

    # ---- sockets ----

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.address, self.port))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def refuse(self):
        listener, self.listener = self.listener, None
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def cut_all(self):
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hook(self, name):
        fault = self.fault
        found = getattr(fault, name, None) if fault else None
        return found

    def serve(self, connection):
        try:
            connect = self.hook("connect")
            if connect and connect(self, connection):
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{self.folder}/{self.certificate}.crt", f"{self.folder}/{self.certificate}.key")
            if not self.token:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(f"{self.folder}/ca.crt")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(connection, server_side=True) as secure:
                self.connections.add(secure)
                try:
                    reader = secure.makefile("rb")
                    while self.answer(secure, reader):
                        pass
                finally:
                    self.connections.discard(secure)
        except (OSError, Cut, ValueError):
            pass
        finally:
            connection.close()

    def answer(self, secure, reader):
        line = reader.readline()
        if not line:
            return False
        method, target, _ = line.decode().split(" ")
        headers = {}
        while (line := reader.readline().strip()):
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        request = Request(method, target, headers, reader.read(int(headers.get("content-length", 0))))
        try:
            hook = self.hook("request")
            told = hook(self, request) if hook else None
            if told is not None:
                self.hits += 1
            self.reply(secure, request, told or self.decide(request))
        except Stall:
            self.hits += 1
            while secure.recv(4096):  # until the client gives up
                pass
            return False
        except Cut:
            self.hits += 1
            return False
        return True

    def reply(self, secure, request, told):
        code, headers, body = told
        if isinstance(body, bytes):
            head = "".join(f"{name}: {value}\r\n" for name, value in dict({"Content-Length": len(body)}, **headers).items())
            secure.sendall(f"HTTP/1.1 {code} Told\r\nContent-Type: application/json\r\n{head}\r\n".encode() + body)
            return
        hook = self.hook("stream")
        stream = hook(self, request, body) if hook else body
        secure.sendall(f"HTTP/1.1 {code} Told\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for piece in stream:
            if piece:
                secure.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        secure.sendall(b"0\r\n\r\n")

    # ---- answers as Kubernetes gives them ----

    def decide(self, request):
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized", "Unauthorized")
        if request.path == "/version":
            return 200, {}, b'{"major":"1","minor":"34"}'
        if request.watch:
            return self.watch(request)
        if request.listing:
            return self.list(request)
        return self.single(request)

    def chosen(self, request, path, made):
        """Whether selectors of the query want it; only what the agent uses."""
        field, label = request.query.get("fieldSelector", ""), request.query.get("labelSelector", "")
        for wanted, have in (("spec.nodeName", made.get("spec", {}).get("nodeName")), ("spec.node", made.get("spec", {}).get("node")),
                             ("metadata.name", made["metadata"]["name"])):
            if found := re.fullmatch(re.escape(wanted) + r"(!?=)(.*)", field):
                if (have == found[2]) == (found[1] == "!="):
                    return False
        if label:
            name, value = re.fullmatch(r"(\S+?)(?: in |=)(.*)", label).groups()
            return made["metadata"].get("labels", {}).get(name) in value.strip("()").split(",")
        return True

    def snapshot(self, request):
        with self.changed:
            return self.version, [made for made in self.objects[request.path].values() if self.chosen(request, request.path, made)]

    def list(self, request):
        version, items = self.snapshot(request)
        api_version, kind = KINDS[request.path]
        limit, start = int(request.query.get("limit", 0)), 0
        if "continue" in request.query:
            told, start = request.query["continue"].split(":")
            if int(told) < self.floor:
                return status(410, "Expired", "The provided continue parameter is too old")
            start = int(start)
        metadata = {"resourceVersion": str(version)}
        if limit and start + limit < len(items):
            metadata["continue"] = f"{version}:{start + limit}"
        end = start + limit if limit else len(items)
        if "PartialObjectMetadata" in request.headers["accept"]:
            api_version, kind = "meta.k8s.io/v1", "PartialObjectMetadata"
            items = [dict(apiVersion=api_version, kind=kind, metadata=made["metadata"]) for made in items]

        def stream():
            yield json.dumps({"kind": kind + "List", "apiVersion": api_version, "metadata": metadata})[:-1].encode() + b', "items": ['
            for number, made in enumerate(items[start:end]):
                yield (b", " if number else b"") + json.dumps(made).encode()
            yield b"]}\n"
        return 200, {}, stream()

    def event(self, kind, made):
        return json.dumps({"type": kind, "object": made}).encode() + b"\n"

    def bookmark(self, request, version, last=False):
        api_version, kind = KINDS[request.path]
        metadata = {"resourceVersion": str(version)}
        if last:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        return self.event("BOOKMARK", {"kind": kind, "apiVersion": api_version, "metadata": metadata})

    def told(self, request, entry):
        """The event of a change, for those who chose that: what leaves the choice is deleted for them."""
        version, made, before = entry
        is_in, was_in = (one is not None and self.chosen(request, request.path, one) for one in (made, before))
        if is_in:
            return self.event("MODIFIED" if was_in else "ADDED", made)
        return self.event("DELETED", dict(before, metadata=dict(before["metadata"], resourceVersion=str(version)))) if was_in else b""

    def watch(self, request):
        if request.initial:
            version, items = self.snapshot(request)
            if int(request.query.get("resourceVersion", 0)) > version:
                return status(504, "Timeout", "Too large resource version: asked for more than there is")
        else:
            version, items = int(request.query["resourceVersion"]), []
            if version < self.floor:
                return status(410, "Expired", f"too old resource version: {version}")
        return 200, {}, self.events(request, version, items)

    def events(self, request, version, items):
        for made in items:
            yield self.event("ADDED", made)
        if request.initial:
            yield self.bookmark(request, version, last=True)
        end, next_mark = time.monotonic() + int(request.query["timeoutSeconds"]), time.monotonic() + 0.4
        while time.monotonic() < end:
            with self.changed:
                fresh = [entry for entry in self.history[request.path] if entry[0] > version]
                if not fresh:
                    self.changed.wait(0.1)
            for entry in fresh:
                version = entry[0]
                yield self.told(request, entry)
            if time.monotonic() >= next_mark:
                next_mark = time.monotonic() + 0.4
                yield self.bookmark(request, version)

    def single(self, request):
        path, _, name = request.path.rpartition("/")
        part = None
        if name == "status":
            part = name
            path, _, name = path.rpartition("/")
        if request.method == "POST":
            made = json.loads(request.body)
            metadata = made.pop("metadata")
            with self.changed:
                if (None, metadata["name"]) in self.objects[request.path]:
                    return status(409, "AlreadyExists", f'"{metadata["name"]}" already exists')
                return 201, {}, json.dumps(self.put(request.path, metadata, {"spec": made["spec"]})).encode()
        if found := re.fullmatch(r"(/api/v1)/namespaces/([^/]+)/(pods)/([^/]+)", request.path):
            path, key = f"{found[1]}/{found[3]}", (found[2], found[4])
        else:
            key = (None, name)
        with self.changed:
            made = self.objects.get(path, {}).get(key)
            if not made:
                return status(404, "NotFound", f'"{name}" not found')
            if request.method == "GET":
                return 200, {}, json.dumps(made).encode()
            wanted = json.loads(request.body)
            known = wanted.get("preconditions") or wanted["metadata"]
            if known.get("resourceVersion", made["metadata"]["resourceVersion"]) != made["metadata"]["resourceVersion"]:
                return status(409, "Conflict", "the object has been modified")
            if request.method == "DELETE":
                self.delete(path, key)
                return 200, {}, b'{"kind":"Status","apiVersion":"v1","status":"Success"}'
            if part:
                changes = {name: value for name, value in wanted["status"].items() if value is not None}
                return 200, {}, json.dumps(self.put(path, made["metadata"], {"spec": made["spec"], "status": changes})).encode()
            return 200, {}, json.dumps(self.put(path, made["metadata"], {"spec": wanted["spec"]})).encode()
