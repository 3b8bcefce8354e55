# SPDX-License-Identifier: Apache-2.0
"""Pods of blue that send into red from the moment that they live, at 1 kHz: nothing may arrive, not even the first packet."""
import os

from cluster import Failure, apply, expect, items, kubectl, pod, pod_spec, wait_for
from flows import Receiver
from world import SPACE

PORT = 7400
PODS = 200 if os.environ.get("LIBVPC_LONG_TESTS") else 40
WAVE = 20  # at once


def _wave(world, first, command, vpc):
    """Makes Pods of both nodes, waits until each has sent, and takes them away."""
    names = [f"prober-{number}" for number in range(first, min(first + WAVE, PODS))]
    apply(*(pod(name, SPACE, pod_spec(command, world.nodes["ab"[index % 2]], once=True), vpc) for index, name in enumerate(names)))
    sent = {}

    def all_sent():
        for found in items("pods", "-n", SPACE):
            name, states = found["metadata"]["name"], found["status"].get("containerStatuses", [])
            if name in names and states and "terminated" in states[0]["state"]:
                sent[name] = states[0]["state"]["terminated"]["exitCode"]
        return len(sent) == len(names)

    wait_for("end of the probing Pods", all_sent, 300)
    kubectl("delete", "-n", SPACE, "pod", *names, "--now", deadline=180)
    if any(sent.values()):
        raise Failure(f"probing Pods failed: {sent}")
    return len(names)


def check_first_packets(world):
    """The same Pods without a VPC do reach whom they send to: so the probing probes."""
    reds, plain = [world.actors[name] for name in ("red-a", "red-b")], world.actors["plain-a"]
    # The container's first process is the one that sends; it must have sent some when it is ended.
    command = lambda actors: f"timeout -s TERM 2 flow send prober {PORT} {' '.join(address for actor in actors for address in actor.addresses)} >/tmp/sent; test $(cat /tmp/sent) -gt 100"
    control = Receiver(plain, PORT, "nobody")
    apply(pod("prober-plain", SPACE, pod_spec(command([plain]), world.nodes["b"], once=True)))
    kubectl("wait", "-n", SPACE, "pod/prober-plain", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s")
    kubectl("delete", "-n", SPACE, "pod/prober-plain", "--now")
    reached = control.report()[1]
    expect(reached > 100, f"a Pod without VPC reaches another with {reached} packets only: this test probes nothing")

    receivers = [Receiver(actor, PORT, "nobody") for actor in reds]
    count = 0
    while count < PODS:
        count += _wave(world, count, command(reds), "blue")
    foreign = [receiver.report()[1] for receiver in receivers]
    expect(not any(foreign), f"red-a and red-b got {foreign} packets of Pods of blue")
    return f"{count} Pods, none of their packets delivered; a plain one delivered {reached}"
