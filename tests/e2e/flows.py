# SPDX-License-Identifier: Apache-2.0
"""Packets at 1 kHz, in Pods: what was lost of a flow, and what came that should not."""
import re

from cluster import Failure, expect, in_pod, wait_for


class Background:
    """A command in a Pod that goes on after its start, until a SIGTERM; what it prints is kept."""

    living = []

    def __init__(self, actor, name, command):
        self.name, self.shell = name, lambda text: in_pod(actor.space, actor.pod, "sh", "-euc", text)
        self.living.append(self)
        self.shell(f"rm -f /tmp/{name}.*; {command} >/tmp/{name}.out 2>&1 </dev/null & echo $! >/tmp/{name}.pid")

    def output(self):
        return self.shell(f"cat /tmp/{self.name}.out")

    def end(self, pattern):
        """Ends it; what of the output matches the pattern, once it is there."""
        self.shell(f"kill -TERM $(cat /tmp/{self.name}.pid)")
        self.living.remove(self)
        return wait_for(f"end of {self.name}: {pattern}", lambda: re.findall(pattern, self.output(), re.MULTILINE))

    @classmethod
    def end_all(cls):
        """What a case that failed left behind would be in the way of the next one."""
        while cls.living:
            left = cls.living.pop()
            try:
                left.shell(f"kill -KILL $(cat /tmp/{left.name}.pid)")
            except Failure:
                pass  # gone with its Pod


class Receiver(Background):
    """Counts what arrives: packets of the sender called `own`, and all others."""

    def __init__(self, actor, port, own):
        super().__init__(actor, f"receiver-{port}", f"flow receive {own} {port}")
        wait_for("receiver", lambda: "listening" in self.output())

    def report(self):
        """[(received, missing) of IPv4, of IPv6], number of others"""
        foreign = int(self.end(r"^foreign=(\d+)$")[0])
        return [(int(received), int(missing)) for received, missing in re.findall(r"^IPv. received=(\d+) missing=(\d+)", self.output(), re.MULTILINE)], foreign


class Sender(Background):
    def __init__(self, actor, port, name, addresses):
        super().__init__(actor, f"sender-{name}-{port}", f"flow send {name} {port} {' '.join(addresses)}")

    def sent(self):
        """To each address."""
        return int(self.end(r"^\d+$")[0])


class Flows:
    """red-a to red-b, which must all arrive; blue-a, green-a and plain-a to red-b, of which nothing may."""

    PORT = 7300

    def __init__(self, world):
        target = world.actors["red-b"]
        self.receiver = Receiver(target, self.PORT, "red")
        self.own = Sender(world.actors["red-a"], self.PORT, "red", target.addresses)
        self.others = [Sender(world.actors[name], self.PORT, name, target.addresses) for name in ("blue-a", "green-a", "plain-a")]

    def judge(self):
        sent = self.own.sent()
        others = [sender.sent() for sender in self.others]
        flows, foreign = self.receiver.report()
        expect(min(others) > 0 and sent > 0, "a sender sent nothing")
        for family, (received, missing) in zip(("IPv4", "IPv6"), flows):
            expect(missing == 0 and received > 0, f"{family}: {missing} of {sent} packets from red-a to red-b are missing, {received} came")
        expect(foreign == 0, f"{foreign} packets of others came to red-b")
        return f"{sent} packets by each family, none lost; {sum(others) * 2} of others, none delivered"
