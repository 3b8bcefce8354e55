# SPDX-License-Identifier: Apache-2.0
"""
Who lives in the cluster while it is tested:

         worker A                      worker B
    red-a    red-a2     red      red-b             VXLAN     red-b also has a host port
    blue-a              blue     blue-b            VXLAN
    green-a  green-a2   green    green-b           VLAN
    amber-a             amber                      VXLAN, allows what stands in AMBER
    plain-a                      plain-b           no VPC    plain-b also has a host port
    host-a                       host-b            the nodes: host-network Pods

Each answers on port 7007 with its name. Who is in no VPC stands in a namespace of its own. Each Service has one backend, so
that what becomes of a packet is not drawn by chance: "red" leads to red-b, "plain" to plain-b.
"""
import dataclasses
import json

from cluster import apply, deployment, expect, items, kubectl, namespace, node_addresses, pod_spec, service, vpc, workers

SPACE = "e2e"
PLAIN_SPACE = "e2e-plain"
PORT = 7007
HOST_PORTS = {"red-b": 17007, "plain-b": 17008}
VPCS = {"red": "vxlan", "blue": "vxlan", "green": "vlan", "amber": "vxlan"}
ACTORS = ["red-a", "red-a2", "red-b", "blue-a", "blue-b", "green-a", "green-a2", "green-b", "amber-a", "plain-a", "plain-b", "host-a", "host-b"]


@dataclasses.dataclass
class Actor:
    name: str
    node: str
    vpc: str  # None: none
    is_host: bool
    pod: str = ""
    addresses: tuple = ()

    @property
    def space(self):
        return SPACE if self.vpc else PLAIN_SPACE


class World:
    def __init__(self):
        self.nodes = dict(zip("ab", workers()))
        self.actors = {}
        for name in ACTORS:
            kind, place = name.split("-")
            self.actors[name] = Actor(name, self.nodes[place[0]], kind if kind in VPCS else None, kind == "host")
        self.addresses_of_node = {}
        self.services = {}

    def build(self):
        apply(namespace(SPACE), namespace(PLAIN_SPACE), *(vpc(name, encapsulation) for name, encapsulation in VPCS.items()))
        apply(*(self._deployment(actor) for actor in self.actors.values()), *_services())
        for actor in self.actors.values():
            kubectl("rollout", "status", "-n", actor.space, f"deployment/{actor.name}", "--timeout=120s", deadline=150)
        self.look()
        self.allow_amber()

    def look(self):
        """Reads anew where everybody is."""
        self.addresses_of_node = {place: node_addresses(node) for place, node in self.nodes.items()}
        for space in (SPACE, PLAIN_SPACE):
            for found in items("pods", "-n", space):
                actor = self.actors.get(found["metadata"]["labels"].get("app"))
                if actor and "deletionTimestamp" not in found["metadata"]:
                    actor.pod = found["metadata"]["name"]
                    actor.addresses = tuple(address["ip"] for address in found["status"].get("podIPs", []))
            for found in items("services", "-n", space):
                self.services[found["metadata"]["name"]] = found["spec"]
        for actor in self.actors.values():
            expect(len(actor.addresses) == 2, f"{actor.name} has the addresses {actor.addresses}, not one of each family")

    def allow_amber(self):
        """amber may reach plain-b, and the Service plain by TCP; plain-a may reach amber by TCP."""
        tcp = lambda port: [{"protocol": "TCP", "port": port}]
        rules = {
            "allow": [{"cidr": whole(address)} for address in self.actors["plain-b"].addresses]
            + [{"cidr": whole(address), "ports": tcp(80)} for address in self.services["plain"]["clusterIPs"]],
            "allowFrom": [{"cidr": whole(address), "ports": tcp(PORT)} for address in self.actors["plain-a"].addresses],
        }
        kubectl("patch", "vpc", "amber", "--type=merge", "-p", json.dumps({"spec": rules}))

    def _deployment(self, actor):
        check = {"tcpSocket": {"port": PORT}, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 5}
        ports = []
        if actor.name in HOST_PORTS:
            ports = [{"containerPort": PORT, "hostPort": HOST_PORTS[actor.name], "protocol": protocol} for protocol in ("TCP", "UDP")]
        command = f"probe serve {actor.name} {PORT} && exec sleep 1000000"
        capabilities = [] if actor.is_host else ["NET_ADMIN"]
        spec = pod_spec(command, actor.node, ports, {"readinessProbe": check, "livenessProbe": check}, capabilities, actor.is_host)
        return deployment(actor.name, actor.space, spec, actor.vpc)


def _services():
    for space, name in ((SPACE, "red"), (PLAIN_SPACE, "plain")):
        yield service(name, space, f"{name}-b", 80, type="NodePort")
        yield service(f"{name}-local", space, f"{name}-b", 80, type="NodePort", externalTrafficPolicy="Local")


def whole(address):
    return f"{address}/{128 if ':' in address else 32}"
