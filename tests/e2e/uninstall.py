# SPDX-License-Identifier: Apache-2.0
"""What there is in the cluster and on its nodes, before libvpc is installed and after it is gone."""
import difflib
import os

from cluster import TOP, expect, items, kubectl, on_node, wait_for
from world import PLAIN_SPACE, SPACE, VPCS

# Of a node, a line for each thing that an agent, a plugin or the kernel on their behalf could leave.
ON_NODE = r"""
ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/interface \1/' | grep -v 'interface veth' || true
for device in $(ls /sys/class/net); do
	case $device in veth*) continue ;; esac
	tc filter show dev $device ingress 2>/dev/null | sed "s/^/filter $device /"
	tc filter show dev $device egress 2>/dev/null | sed "s/^/filter $device /"
	tc qdisc show dev $device clsact 2>/dev/null | grep clsact | sed "s/^/qdisc $device /"
done
nft list tables | sed 's/^/nft /'
find /sys/fs/bpf -mindepth 1 | sed 's/^/pin /'
find /opt/cni/bin /etc/cni/net.d -type f | sed 's/^/file /'
for list in /etc/cni/net.d/*; do jq -Sc . "$list" | sed "s|^|list $list |"; done
find /var/lib/libvpc /run/libvpc -mindepth 1 2>/dev/null | sed 's/^/state /' || true
"""
KINDS = "crd clusterrole clusterrolebinding flowschema prioritylevelconfiguration validatingadmissionpolicy validatingadmissionpolicybinding priorityclass namespace"
OF_SYSTEM = "daemonset deployment configmap serviceaccount role rolebinding service secret"


def traces():
    """A line for each thing."""
    lines = kubectl("get", KINDS.replace(" ", ","), "-o", "name").splitlines()
    lines += [f"kube-system {name}" for name in kubectl("get", OF_SYSTEM.replace(" ", ","), "-n", "kube-system", "-o", "name").splitlines()]
    for node in items("nodes"):
        name = node["metadata"]["name"]
        lines += [f"{name} condition {condition['type']}" for condition in node["status"]["conditions"]]
        lines += [f"{name} taint {taint['key']}" for taint in node["spec"].get("taints", [])]
        lines += [f"{name} {line}" for line in on_node(name, "sh", "-euc", ON_NODE).splitlines()]
    return sorted(lines)


def note_traces(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(traces()))


def check_uninstall(_world):
    """As deploy/README.md says it."""
    with open(os.environ["E2E_BEFORE"], encoding="utf-8") as file:
        before = file.read().splitlines()
    added = set(traces()) - set(before)
    for word in ("customresourcedefinition", "clusterrole", "nft table inet libvpc", "pin /sys/fs/bpf/libvpc", "/opt/cni/bin/vpc-cni", "vpc-cni\"", "interface", "state", "condition VPC"):
        expect(any(word in line for line in added), f"this test does not see what libvpc adds: no line with {word}")
    kubectl("delete", "namespace", SPACE, PLAIN_SPACE, deadline=180)
    kubectl("delete", "vpc", *VPCS)
    kubectl("apply", "-f", os.path.join(TOP, "deploy/uninstall.yaml"))
    kubectl("rollout", "status", "-n", "kube-system", "daemonset/libvpc-agent", "--timeout=120s", deadline=150)
    kubectl("delete", "-f", os.path.join(TOP, "deploy/libvpc.yaml"), deadline=180)
    kubectl("delete", "configmap", "-n", "kube-system", "libvpc-config", "--ignore-not-found")

    difference = []

    def as_before():
        difference[:] = [line for line in difflib.unified_diff(before, traces(), lineterm="", n=0) if line[0] in "+-" and line[:3] not in ("+++", "---")]
        return not difference

    try:
        wait_for("cluster as it was", as_before, 60)
    finally:
        expect(not difference, "uninstalling leaves or takes:\n" + "\n".join(f"    {line}" for line in difference[:40]))
    return f"{len(before)} things are as they were"
