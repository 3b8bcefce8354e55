#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of the agent's HTTP server, good and bad: http_client.py PORT WHAT. Prints what is wrong and exits 1."""
import re
import socket
import sys
import time

from prometheus_client.parser import text_string_to_metric_families

PORT = int(sys.argv[1])
LIMIT = 30  # seconds, against hangs only


def connect():
    return socket.create_connection(("127.0.0.1", PORT), timeout=LIMIT)


def read_all(client):
    """Until the server ends the connection, by a FIN or a reset."""
    answer = b""
    try:
        while part := client.recv(65536):
            answer += part
    except ConnectionError:
        pass
    return answer


def ask(request):
    with connect() as client:
        try:
            client.sendall(request)
        except ConnectionError:
            pass  # it has heard enough
        return read_all(client)


def get(path):
    head, _, body = ask(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n").partition(b"\r\n\r\n")
    return int(head.split()[1]), head.lower(), body.decode()


# ---- good ----


def check_metrics():
    """What a scraper gets, parsed as Prometheus does; names and types as the manners want them."""
    status, head, body = get(b"/metrics")
    assert status == 200 and b"text/plain; version=0.0.4" in head, head
    families = {family.name: family for family in text_string_to_metric_families(body)}
    declared = dict(re.findall(r"^# TYPE (\S+) (\S+)$", body, re.M))
    assert len(declared) == len(families), (sorted(declared), sorted(families))
    for name, kind in declared.items():
        assert name.endswith("_total") == (kind == "counter"), f"{name} is a {kind}"
        assert name.startswith(("libvpc_", "process_")), name
        assert kind != "histogram" or name.endswith("_seconds"), name
    for family in families.values():
        assert family.documentation, family.name
        seen = set()
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert (sample.name, labels) not in seen, f"twice: {sample.name} {labels}"
            seen.add((sample.name, labels))
            assert not {"pod", "pod_name", "container"} & set(sample.labels), f"a Pod's label: {labels}"
    for name, kind in declared.items():
        if kind == "histogram":
            samples = families[name].samples
            buckets = [s.value for s in samples if s.name.endswith("_bucket")]
            assert buckets == sorted(buckets) and buckets[-1] == [s.value for s in samples if s.name.endswith("_count")][0], name
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families.values() for s in f.samples}


def print_value(name, *labels):
    """Of one sample, or of the sum of all that have these labels (name=value)."""
    wanted = {tuple(label.split("=", 1)) for label in labels}
    values = [value for (sample, its), value in check_metrics().items() if sample == name and wanted <= set(its)]
    print(f"{sum(values):g}" if values else "none")


# ---- bad: a name, what is sent, and whether an answer with that status, or none at all, is right ----

BAD = [
    ("another method", b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405),
    ("another path", b"GET /metric HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    ("a path beyond", b"GET /metrics/../healthz/ HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("a path of zero bytes", b"GET /metrics\0 HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("the folder above", b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("an oversized path", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("an oversized header", b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 100000 + b"\r\n\r\n", None),
    ("many headers", b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % i for i in range(20000)) + b"\r\n", None),
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 300, None),
    ("binary zeros", b"\0" * 4096, None),
    ("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", None),
    ("an upgrade to HTTP/2", b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
     b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", None),
    ("an upgrade to WebSocket", b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", None),
    ("a negative length", b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", None),
    ("a body that never comes", b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", None),
    ("a body in pieces", b"POST /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", None),
    ("two requests at once", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200),
]


def check_bad():
    for name, request, status in BAD:
        answer = ask(request)
        assert b"101 " not in answer[:16], f"{name}: upgraded: {answer[:80]}"
        assert b"root:" not in answer, name
        if status:
            assert answer.startswith(b"HTTP/1.1 %d " % status), f"{name}: {answer[:80]}"
            assert answer.count(b"HTTP/1.1 ") == 1, f"{name}: more than one answer"
        assert get(b"/healthz")[0] == 200, f"after {name}"
        print(f"  {name}: {answer[:12].decode(errors='replace') or 'no answer'}; the next one is served")


def check_patience():
    """Clients that take all places and say nothing, a part, or take nothing, are let go; then others are served."""
    words = [b"", b"GET /metrics HTTP/1.1\r\nHo", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"]
    clients = [(connect(), words[i % 3]) for i in range(60)]
    for client, said in clients:
        client.sendall(said)
    started = time.monotonic()
    while True:
        try:
            if get(b"/healthz")[0] == 200:
                break
        except (IndexError, TimeoutError):
            pass
        assert time.monotonic() - started < LIMIT, "not served beside 60 clients that do not go on"
    for client, _ in clients:
        read_all(client)  # each ends: no place is taken for good
        client.close()
    print("  60 clients that do not go on: let go, others are served")


def check_many():
    """A crowd at once: everybody is answered, in whole."""
    clients = [connect() for _ in range(200)]
    for client in clients:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    for client in clients:
        head, _, body = read_all(client).partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head).group(1))
        assert head.startswith(b"HTTP/1.1 200 ") and len(body) == length, (head, len(body))
        client.close()


def check_slow_taker():
    """One that takes its answer byte by byte gets all of it."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.settimeout(LIMIT)
        client.connect(("127.0.0.1", PORT))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b""
        while part := client.recv(97):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert len(body) == int(re.search(rb"content-length: (\d+)", head).group(1)), len(body)


if sys.argv[2] == "value":
    print_value(*sys.argv[3:])
elif sys.argv[2] == "get":
    code, _, text = get(sys.argv[3].encode())
    print(code)
    print(text, end="")
else:
    globals()["check_" + sys.argv[2]]()
