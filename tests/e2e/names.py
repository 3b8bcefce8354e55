# SPDX-License-Identifier: Apache-2.0
"""The cluster's names, as VPC Pods ask for them."""
from cluster import apply, expect, get, in_pod, kubectl, pod, pod_spec, vpc, wait_for
from world import SPACE

NAME = "kubernetes.default.svc.cluster.local"


def _asks(space, name, servers):
    """Which of the servers answer a question over UDP that a Pod asks."""
    # busybox' nslookup exits with 1 also if one of two record types is missing: the answer itself is looked at.
    return [server for server in servers if f"Name:\t{NAME}" in in_pod(space, name, "timeout", "15", "nslookup", NAME, server, check=False).stdout]


def _opens(space, name, servers):
    """Which of the servers accept a connection on port 53."""
    return [server for server in servers if in_pod(space, name, "timeout", "5", "nc", "-w", "4", server, "53", check=False, text="").returncode == 0]


def check_dns(world):
    servers = get("service", "-n", "kube-system", "kube-dns")["spec"]["clusterIPs"]
    apply(vpc("mute", allow=[]))
    apply(pod("mute", SPACE, pod_spec("exec sleep 1000000", world.nodes["a"]), "mute"))
    kubectl("wait", "-n", SPACE, "pod/mute", "--for=condition=Ready", "--timeout=60s")

    red, plain = world.actors["red-a"], world.actors["plain-a"]
    expect(_asks(plain.space, plain.pod, servers) == servers, "a Pod without VPC does not get names: the cluster's DNS is at fault")
    wait_for("names in a Pod of red, by default", lambda: _asks(SPACE, red.pod, servers) == servers, 60)
    expect(_opens(SPACE, red.pod, servers) == servers, "DNS does not accept TCP from a Pod of red")
    expect(NAME in in_pod(SPACE, red.pod, "timeout", "15", "nslookup", NAME, check=False).stdout, "the Pod's own resolv.conf does not lead to names")

    for name, where in (("mute", "mute"), (world.actors["amber-a"].pod, "amber")):
        expect(not _asks(SPACE, name, servers), f"a Pod of {where} gets names, though the VPC's allow does not name the DNS")
        expect(not _opens(SPACE, name, servers), f"a Pod of {where} reaches the DNS by TCP, though the VPC's allow does not name it")
    kubectl("delete", "-n", SPACE, "pod/mute", "--now")
    kubectl("delete", "vpc/mute")
    return f"asked {' and '.join(servers)}"
