# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between an API server and a client, as faults of the faulty server."""
import json

from faulty_server import Cut, KINDS, Stall, VPCS, status


class Fault:
    def __init__(self, **hooks):
        for name, hook in hooks.items():
            setattr(self, name, hook)


def answers(told, wanted=lambda request: request.path != "/version"):
    return Fault(request=lambda server, request: told if wanted(request) else None)


def counted(server, stream):
    server.hits += 1
    return stream


def streams(change_stream, wanted=lambda request: True):
    return Fault(stream=lambda server, request, it: counted(server, change_stream(server, request, it)) if wanted(request) else it)


def trickled(_, __, it):
    for piece in it:
        for i in range(len(piece)):
            yield piece[i:i + 1]


def cut_after(count):
    def stream(_, __, it):
        left = count
        for piece in it:
            if len(piece) >= left:
                yield piece[:left]
                raise Cut
            left -= len(piece)
            yield piece
    return stream


def cut_in_event(number):
    def stream(_, __, it):
        for i, piece in enumerate(it):
            if i == number:
                yield piece[:len(piece) // 2]
                raise Cut
            yield piece
    return stream


def ended_after(number):
    def stream(_, __, it):
        for i, piece in enumerate(it):
            if i == number:
                return
            yield piece
    return stream


def stalled_after(number):
    def stream(_, __, it):
        for i, piece in enumerate(it):
            if i == number:
                raise Stall
            yield piece
    return stream


def replaced(old, new, first=0):
    """In pieces from the given one on."""
    return lambda _, __, it: (piece.replace(old, new) if i >= first else piece for i, piece in enumerate(it))


def with_line(line, at=0):
    def stream(_, __, it):
        for i, piece in enumerate(it):
            if i == at:
                yield line
            yield piece
    return stream


def only_line(line):
    def stream(_, __, ___):
        yield line
    return stream


def is_event(piece):
    return piece and b'"type": "BOOKMARK"' not in piece


def doubled(_, __, it):
    for piece in it:
        yield piece
        if is_event(piece):
            yield piece


def swapped(_, __, it):
    """Neighbours change places, until a bookmark comes."""
    held = None
    for piece in it:
        if held is None and is_event(piece):
            held = piece
            continue
        yield piece
        if held:
            yield held
            held = None


def replayed(server, request, it):
    """After each event those of the same collection that went before."""
    for piece in it:
        yield piece
        if is_event(piece):
            for entry in server.history[request.path][-12:]:
                if entry[0] <= int(json.loads(piece)["object"]["metadata"]["resourceVersion"]):
                    yield server.told(request, entry)


def silent_marks(_, __, it):
    return (piece for piece in it if is_event(piece) or b"initial-events-end" in piece)


def reversed_first(server, request, it):
    version, items = server.snapshot(request)
    for made in reversed(items):
        yield server.event("ADDED", made)
    yield server.bookmark(request, version, last=True)
    yield from server.events(Resumed(request), version, [])


class Resumed:
    def __init__(self, request):
        self.__dict__.update(request.__dict__, initial=False)


def by_connect(deal):
    def connect(server, connection):
        server.hits += 1
        deal(connection)
        return True
    return Fault(connect=connect)


def keep(connection):
    try:
        while connection.recv(4096):
            pass
    except OSError:
        pass


def certificate(name):
    class Certificate(Fault):
        def connect(self, server, _):
            server.hits += 1
            server.certificate = name
            return False
    return Certificate()


class Stale(Fault):
    """Answers first states as they were when the fault began."""

    def __init__(self, server):
        with server.changed:
            self.version, self.objects = server.version, {path: dict(objects) for path, objects in server.objects.items()}

    def stream(self, server, request, it):
        if request.resumed:
            return it
        server.hits += 1
        items = [made for made in self.objects[request.path].values() if server.chosen(request, request.path, made)]
        if request.initial:
            return server.events(request, self.version, items)
        version, kind = KINDS[request.path]
        if "PartialObjectMetadata" in request.headers["accept"]:
            return it
        return iter([json.dumps({"apiVersion": version, "kind": kind + "List", "metadata": {"resourceVersion": str(self.version)}, "items": items}).encode()])


def not_supported(server, request):
    return status(422, "Invalid", "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled") if request.initial else None


def listing_only(**hooks):
    """A server without sendInitialEvents, and then some."""
    more = hooks.get("request")
    return Fault(stream=hooks.get("stream"), request=lambda server, request: not_supported(server, request) or (more(server, request) if more else None))


def of_lists(change_stream):
    return lambda server, request, it: counted(server, change_stream(server, request, it)) if request.listing else it


def is_resumed(request):
    return request.resumed


def is_initial(request):
    return request.initial


def is_vpcs(request):
    return request.path == VPCS


GONE = status(410, "Expired", "too old resource version")
TOO_LARGE = status(504, "Timeout", "Too large resource version: 7")
GONE_EVENT = b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}}\n'
