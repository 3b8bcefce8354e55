# SPDX-License-Identifier: Apache-2.0
"""What a tenant may try: each Pod here is the tenant's own, with NET_ADMIN and NET_RAW, and no more."""
import base64
import collections
import ipaddress
import json
import struct

import cluster
from cluster import apply, expect, get, in_pod, items, kubectl, namespace, pod, pod_spec, vpc, wait_for
from flows import Receiver
from world import PORT, whole

TENANT = "e2e-tenant"
ELSEWHERE = "e2e-tenant-private"
VXLAN_PORT = 14789
LISTENING = 7100  # of who counts what a forged packet delivers

# Namespace, annotation of the Pod (None: none), annotation of the Namespace, a word that the Event must hold.
REFUSED = [
    ("foreign", "private", None, "private"),
    ("foreign-default", None, "private", "private"),
    ("empty", "", None, "libvpc.io/vpc"),
    ("empty-default", None, "", "libvpc.io/vpc"),
    ("upper-case", "Red", None, "Red"),
    ("path", "../red", None, "../red"),
    ("list", "red,blue", None, "red,blue"),
    ("absent", "nowhere", None, "nowhere"),
]


def _events_of(space, name):
    return [f"{event['reason']}: {event['message']}" for event in items("events", "-n", space) if event["involvedObject"]["name"] == name]


def check_membership(world):
    """None of these Pods may ever get a container: neither the foreign VPC nor, worse, no VPC at all."""
    apply(vpc("private", namespaces=[ELSEWHERE]))
    for name, own, default, _ in REFUSED:
        apply(namespace(f"{TENANT}-{name}", None if default is None else {"libvpc.io/vpc": default}))
        apply(pod(name, f"{TENANT}-{name}", pod_spec("exec sleep 1000000", world.nodes["a"]), own))
    for name, _, _, word in REFUSED:
        space = f"{TENANT}-{name}"
        wait_for(f"Event that says why Pod {name} is refused", lambda: any("FailedCreatePodSandBox" in event and word in event for event in _events_of(space, name)))
        found = get("pod", "-n", space, name)["status"]
        expect(found["phase"] == "Pending" and not any(state.get("started") for state in found.get("containerStatuses", [])), f"Pod {name} runs")
    apply(namespace(ELSEWHERE))
    apply(pod("member", ELSEWHERE, pod_spec("exec sleep 1000000", world.nodes["a"]), "private"))
    kubectl("wait", "-n", ELSEWHERE, "pod/member", "--for=condition=Ready", "--timeout=60s")
    kubectl("delete", "namespace", ELSEWHERE, *(f"{TENANT}-{name}" for name, *_ in REFUSED), deadline=180)
    kubectl("delete", "vpc/private")
    return f"{len(REFUSED)} Pods refused, one member let in"


# ---- under false addresses ----


def _answers(source, target, address):
    return " yes" in in_pod(source.space, source.pod, "probe", "ask", "1500", str(PORT), f"{target.name}={address}")


def _drops(node):
    """{reason: frames} of a node, over all VPCs."""
    agents = items("pods", "-n", "kube-system", "-l", "app.kubernetes.io/name=libvpc", "--field-selector", f"spec.nodeName={node}")
    report = kubectl("exec", "-n", "kube-system", agents[0]["metadata"]["name"], "-c", "agent", "--", "/bin/vpcctl", "drops", "-o", "json")
    counted = collections.Counter()
    for drop in json.loads(report)["drops"]:
        counted[drop["reason"]] += drop["count"]
    return counted


def _gateway(pod, family):
    routes = in_pod(pod.space, pod.pod, "ip", f"-{family}", "route", "show")
    return next(line.split()[2] for line in routes.splitlines() if line.startswith("default via"))


def check_spoofing(world):
    """red-a2 sends as red-a: nobody answers, and what it sent is counted as dropped."""
    source, target, victim = (world.actors[name] for name in ("red-a2", "red-b", "red-a"))
    shell = lambda text: in_pod(source.space, source.pod, "sh", "-euc", text)
    told = []
    for family, address, foreign in zip("46", target.addresses, victim.addresses):
        expect(_answers(source, target, address), f"{target.name} does not answer {source.name} at {address}")
        before = _drops(source.node)
        shell(f"ip -{family} address add {whole(foreign)} dev eth0")
        wait_for("end of duplicate address detection", lambda: "tentative" not in shell("ip address show dev eth0"))
        shell(f"ip -{family} route add {whole(address)} via {_gateway(source, family)} src {foreign}")
        try:
            expect(not _answers(source, target, address), f"{target.name} answers {source.name}, which sends as {foreign}")
        finally:
            shell(f"ip -{family} route del {whole(address)}; ip -{family} address del {whole(foreign)} dev eth0")
        reasons = sorted(_drops(source.node) - before)
        expect(reasons, f"what {source.name} sent as {foreign} is not counted as dropped")
        told.append(f"IPv{family}: {', '.join(reasons)}")
    own = shell("cat /sys/class/net/eth0/address").strip()
    before = _drops(source.node)
    shell("ip link set eth0 address 02:00:00:00:00:99")
    try:
        expect(not any(_answers(source, target, address) for address in target.addresses), f"{target.name} answers {source.name} under a false MAC")
    finally:
        # A MAC that changes takes the neighbours' entries along, and with ptp the routes stay.
        shell(f"ip link set eth0 address {own}")
    told.append(f"MAC: {', '.join(sorted(_drops(source.node) - before))}")
    wait_for(f"answers to {source.name} under its own name", lambda: all(_answers(source, target, address) for address in target.addresses), 60)
    return "; ".join(told)


# ---- VXLAN by hand ----


def _vxlan_frame(network, source_mac, target_mac, source, target):
    """What a node would send to the VXLAN port for a UDP packet of one member to another."""
    inner = struct.pack("!HHHH", 7100, LISTENING, 8 + 6, 0) + b"forged"
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(inner), 1, 0, 64, 17, 0, ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed)
    total = sum(struct.unpack("!10H", header))
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    header = header[:10] + struct.pack("!H", checksum) + header[12:]
    ethernet = bytes.fromhex((target_mac + source_mac).replace(":", "")) + b"\x08\x00"
    return struct.pack("!II", 0x08000000, network << 8) + ethernet + header + inner


def _mac(actor):
    return in_pod(actor.space, actor.pod, "cat", "/sys/class/net/eth0/address").strip()


def check_forged_vxlan(world):
    """plain-a sends to node b what node a would send for red-a: nothing of it arrives. The node itself can, as documented."""
    source, target = world.actors["red-a"], world.actors["red-b"]
    network = get("vpc", "red")["status"]["id"]
    frame = _vxlan_frame(network, _mac(source), _mac(target), source.addresses[0], target.addresses[0])
    underlay = world.addresses_of_node["b"][0]

    def delivered(sender):
        receiver = Receiver(target, LISTENING, "nobody")
        encoded = base64.b64encode(frame).decode()
        for _ in range(5):
            in_pod(sender.space, sender.pod, "sh", "-c", f"echo {encoded} | busybox base64 -d | probe send {underlay} {VXLAN_PORT}", check=False)
        return receiver.report()[1]

    expect(delivered(world.actors["host-a"]) > 0, "what the node itself forges does not arrive: this test forges wrongly")
    for name in ("plain-a", "blue-a", "red-a2"):
        expect(delivered(world.actors[name]) == 0, f"VXLAN that {name} forged is delivered to {target.name}")
    return f"VNI {network}; from plain-a, blue-a, red-a2: none"


# ---- with the agent's token ----


def _as_agent(world, *arguments, text=None):
    """kubectl with a token as the agent of node a has one, and nothing else."""
    agents = items("pods", "-n", "kube-system", "-l", "app.kubernetes.io/name=libvpc", "--field-selector", f"spec.nodeName={world.nodes['a']}")
    token = kubectl("create", "token", "-n", "kube-system", "libvpc-agent", "--bound-object-kind=Pod", f"--bound-object-name={agents[0]['metadata']['name']}").strip()
    server = kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    return kubectl("--kubeconfig=/dev/null", f"--server={server}", "--insecure-skip-tls-verify", f"--token={token}", *arguments, text=text, check=False)


def check_stolen_token(world):
    """The API server is out of a VPC Pod's reach; and who has node a's token cannot speak for node b, nor for tenants."""
    api = get("service", "-n", "default", "kubernetes")["spec"]["clusterIP"]
    for name, reaches in (("red-a", False), ("plain-a", True)):
        actor = world.actors[name]
        answer = in_pod(actor.space, actor.pod, "timeout", "5", "nc", "-w", "4", api, "443", check=False, text="").returncode == 0
        expect(answer == reaches, f"{name} {'reaches' if answer else 'does not reach'} the API server")

    there = next(found for found in items("vpcendpoints") if found["spec"]["node"] == world.nodes["b"] and found["spec"]["vpc"]["name"] == "red")
    expect(_as_agent(world, "get", "vpcendpoints").returncode == 0, "the token of node a's agent does not even read: this test uses it wrongly")
    claim = next(found["metadata"]["name"] for found in items("networkids") if found["spec"]["vpc"]["name"] == "red")
    attempts = [
        ("changes another node's endpoints", "patch", "vpcendpoints", there["metadata"]["name"], "--type=merge", "-p", '{"spec":{"underlay":["172.31.0.1"]}}'),
        ("deletes another node's endpoints", "delete", "vpcendpoints", there["metadata"]["name"]),
        ("takes a claim in use away", "delete", "networkids", claim),
        ("changes a VPC", "patch", "vpc", "red", "--type=merge", "-p", '{"spec":{"allow":[{"cidr":"0.0.0.0/0"}]}}'),
        ("reads secrets", "get", "secrets", "-A"),
        ("makes Pods", "run", "-n", "kube-system", "stolen", "--image", cluster.IMAGE),
        ("lifts another node's taints", "patch", "node", world.nodes["b"], "--type=merge", "-p", '{"spec":{"taints":[]}}'),
    ]
    for what, *arguments in attempts:
        end = _as_agent(world, *arguments)
        expect(end.returncode != 0, f"with the token of node a's agent one {what}")
        expect("orbidden" in end.stderr or "denied" in end.stderr or "nvalid" in end.stderr, f"one {what}: refused for another reason: {end.stderr.strip()}")
    return f"{len(attempts)} attempts refused"
