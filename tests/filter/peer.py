#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sockets for tests of the port filter.

    peer.py serve PORT...                    echoes what comes to the TCP and UDP ports, both families; "ready" when it does
    peer.py ask tcp|udp ADDRESS PORT [SIZE]  exits 0 if what was sent comes back within a long time, else 1
    peer.py miss tcp|udp ADDRESS PORT        the same within a short time: for what is not expected to come back
    peer.py talk ADDRESS PORT                opens a TCP connection, then echoes each line of standard input through it
    peer.py send ADDRESS PORT COUNT          UDP packets from as many sockets, without waiting for answers
    peer.py tagged INTERFACE ADDRESS PORT N  one TCP SYN of IPv4 behind N VLAN tags, to everybody on the wire
"""
import selectors
import socket
import struct
import sys

ANSWERED = 10.0  # seconds within which an answer comes even on a busy machine
SILENT = 0.5     # after which there is none, where none is expected: being too short could only hide a fault


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(ports):
    selector = selectors.DefaultSelector()

    def accept(listener):
        connection, _ = listener.accept()
        selector.register(connection, selectors.EVENT_READ, echo)

    def echo(connection):
        try:
            data = connection.recv(65536)
        except ConnectionError:
            data = b""
        if data:
            return connection.sendall(data)
        selector.unregister(connection)
        connection.close()

    def answer(datagrams):
        data, sender = datagrams.recvfrom(65536)
        datagrams.sendto(data, sender)

    for port in ports:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        datagrams.bind(("::", port))
        selector.register(listener, selectors.EVENT_READ, accept)
        selector.register(datagrams, selectors.EVENT_READ, answer)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            key.data(key.fileobj)


def ask(protocol, address, port, size, patience):
    data = bytes(i % 251 for i in range(size))
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family(address), kind) as asker:
        asker.settimeout(patience)
        try:
            asker.connect((address, port))
            asker.sendall(data)
            back = b""
            while len(back) < size:
                back += asker.recv(65536)
        except OSError:
            return 1
        return 0 if back == data else 1


def talk(address, port):
    with socket.create_connection((address, port), ANSWERED) as connection:
        print("connected", flush=True)
        for line in sys.stdin:
            connection.sendall(line.encode())
            print(connection.recv(65536).decode(), end="", flush=True)


def send(address, port, count):
    for number in range(count):
        with socket.socket(family(address), socket.SOCK_DGRAM) as sender:
            sender.sendto(f"packet {number}".encode(), (address, port))


def tagged(interface, address, port, tags):
    tcp = struct.pack("!HHIIBBHHH", 50000, port, 1, 0, 0x50, 2, 65535, 0, 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, socket.inet_aton("10.0.0.2"), socket.inet_aton(address))
    types = b"".join(struct.pack("!HH", 0x8100, 7 + number) for number in range(tags)) + struct.pack("!H", 0x0800)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((interface, 0))
        sender.send(b"\xff" * 6 + b"\x02\0\0\0\0\x02" + types + ip + tcp)


def main(arguments):
    if arguments[0] == "serve":
        return serve([int(port) for port in arguments[1:]])
    if arguments[0] in ("ask", "miss"):
        size = int(arguments[4]) if len(arguments) > 4 else 20
        return ask(arguments[1], arguments[2], int(arguments[3]), size, ANSWERED if arguments[0] == "ask" else SILENT)
    if arguments[0] == "talk":
        return talk(arguments[1], int(arguments[2]))
    if arguments[0] == "tagged":
        return tagged(arguments[1], arguments[2], int(arguments[3]), int(arguments[4]))
    return send(arguments[1], int(arguments[2]), int(arguments[3]))


sys.exit(main(sys.argv[1:]))
