# SPDX-License-Identifier: Apache-2.0
"""Who reaches whom: every source asks every target, and each answer is compared with what is expected of it."""
import dataclasses

from cluster import Failure, at_once, in_pod
from world import HOST_PORTS, PORT

PATIENCE = 2000  # milliseconds after which no answer is a "no"
MORE_PATIENCE = 15000  # before a missing answer counts: this machine may be busy


@dataclasses.dataclass(frozen=True)
class Target:
    """Something to ask: an actor's own address, or what leads to one."""

    label: str
    kind: str  # "pod", "service", "nodeport", "nodeport-local", "hostport"
    backend: str  # name of the actor that answers
    via: str  # place of the node whose address is asked, for ports of nodes
    address: str
    port: int

    @property
    def argument(self):
        return f"{self.backend}={self.address}" + ("" if self.kind == "pod" else f"@{self.port}")


def targets(world):
    for name, actor in world.actors.items():
        for address in actor.addresses:
            yield Target(name, "pod", name, "", address, PORT)
    for name in ("red", "plain"):
        backend = f"{name}-b"
        for address in world.services[name]["clusterIPs"]:
            yield Target(f"Service {name}", "service", backend, "", address, 80)
        for place, addresses in world.addresses_of_node.items():
            for address in addresses:
                for service, kind in ((name, "nodeport"), (f"{name}-local", "nodeport-local")):
                    yield Target(f"{kind} {name} via {place}", kind, backend, place, address, world.services[service]["ports"][0]["nodePort"])
        for address in world.addresses_of_node["b"]:
            yield Target(f"hostPort {name}", "hostport", backend, "b", address, HOST_PORTS[backend])


def may_reach(world, source, target, protocol):
    """What the design says, for each pair and protocol."""
    backend = world.actors[target.backend]
    own_node = source.is_host and source.node == backend.node
    if source.vpc == "amber" and backend.name == "plain-b":
        return target.kind == "pod" or (target.kind == "service" and protocol == "TCP")
    if source.name == "plain-a" and backend.vpc == "amber" and target.kind == "pod":
        return protocol == "TCP"
    if source.vpc:  # members by their own addresses, and nothing else
        return target.kind == "pod" and source.vpc == backend.vpc
    if backend.vpc:  # what the Pod's own node made itself: not what it forwards, or masquerades
        return own_node and (target.kind in ("pod", "service") or world.nodes[target.via] == source.node)
    if target.kind == "nodeport-local":  # kube-proxy's: a node without backend serves itself and its Pods alone
        return target.via == "b" or world.nodes[target.via] == source.node
    return True


def ask(world, source, asked, patience):
    """{(target, protocol): whether it answered}"""
    lines = in_pod(source.space, source.pod, "probe", "ask", str(patience), str(PORT), *(target.argument for target in asked)).splitlines()
    answers, rest = {}, iter(lines)
    for target in asked:
        for _ in range(3 if target.kind == "pod" else 2):
            name, _family, protocol, answer = next(rest).split()
            if name != target.backend:
                raise Failure(f"probe answers about {name} instead of {target.backend}")
            answers[target, protocol] = answer == "yes"
    return answers


def differences(world, source):
    """Which cells of a source's row are not as expected; a missing answer is asked for once more, patiently."""
    asked = [target for target in targets(world) if target.backend != source.name or target.kind != "pod"]
    answers = ask(world, source, asked, PATIENCE)
    missing = {target for (target, protocol), answer in answers.items() if may_reach(world, source, target, protocol) and not answer}
    if missing:
        again = ask(world, source, [target for target in asked if target in missing], MORE_PATIENCE)
        answers |= {cell: answer or answers[cell] for cell, answer in again.items()}
    wrong = [
        f"{source.name} to {target.label} ({target.address}), {protocol}: {'an' if answer else 'no'} answer"
        for (target, protocol), answer in answers.items()
        if answer != may_reach(world, source, target, protocol)
    ]
    return len(answers), sum(answers.values()), wrong


def check_matrix(world, sources=None):
    """Every cell; how many, and how many of them answered."""
    results = at_once(lambda source: differences(world, source), [world.actors[name] for name in sources or world.actors], 6)
    wrong = [line for _, _, lines in results for line in lines]
    if wrong:
        raise Failure(f"{len(wrong)} cells of the matrix differ:\n" + "\n".join(f"    {line}" for line in wrong[:40]))
    return f"{sum(cells for cells, _, _ in results)} cells, {sum(answered for _, answered, _ in results)} of them answered"
