# SPDX-License-Identifier: Apache-2.0
"""What stands in the faulty server, how it changes, and the agent's side of it: the probe."""
import json
import re
import subprocess
import threading
import time

from faulty_server import ENDPOINTS, KINDS, NETWORK_IDS, VPCS

IN_TIME = 5.0
NODE = "n1"
FOLLOWED = "vpc-uid-1"


class Failure(Exception):
    pass


# ---- the world: what stands in the server at first, and how it changes ----

def vpc(server, name, **spec):
    server.put(VPCS, {"name": name}, {"spec": dict({"encapsulation": "vxlan", "namespaces": ["*"]}, **spec)})


def claim(server, number):
    server.put(NETWORK_IDS, {"name": f"vxlan-{number}"}, {"spec": {"vpc": {"name": "a", "uid": "u"}}})


def pod(server, name, node=NODE):
    server.put("/api/v1/pods", {"name": name, "namespace": "default", "annotations": {"libvpc.io/vpc": "red"}}, {"spec": {"nodeName": node, "containers": [{"name": "a"}]}})


def endpoints(server, node, uid=FOLLOWED):
    spec = {"node": node, "vpc": {"name": "a", "uid": uid}, "encapsulation": "vxlan", "id": 5, "underlay": ["172.30.0.1"], "uplinkMAC": "02:00:00:00:00:01", "pods": []}
    server.put(ENDPOINTS, {"name": f"vxlan-5.{uid}.{node}", "labels": {"libvpc.io/vpc-uid": uid}}, {"spec": spec})


def populate(server):
    for i in range(6):
        vpc(server, f"vpc{i}")
        claim(server, 100 + i)
        pod(server, f"pod{i}")
        endpoints(server, f"n{i}")
    pod(server, "elsewhere", "n2")
    endpoints(server, "n1", "vpc-uid-2")
    endpoints(server, "n2", "vpc-uid-2")
    server.put("/api/v1/nodes", {"name": NODE}, {"status": {"addresses": [{"type": "InternalIP", "address": "172.30.0.1"}]}})
    server.put("/api/v1/nodes", {"name": "n2"}, {})
    server.put("/api/v1/namespaces", {"name": "default"}, {})
    server.put("/api/v1/namespaces/kube-system/configmaps", {"name": "libvpc-config", "namespace": "kube-system"}, {"data": {"holdDown": "1s"}})


def change(server):
    """Something of each: new, other, gone, made anew."""
    vpc(server, "new")
    vpc(server, "vpc1", namespaces=["a"])
    vpc(server, "vpc2", namespaces=["a"])
    server.delete(VPCS, (None, "vpc2"))
    server.delete(VPCS, (None, "vpc3"))
    vpc(server, "vpc3")
    server.delete(NETWORK_IDS, (None, "vxlan-101"))
    claim(server, 200)
    server.delete("/api/v1/pods", ("default", "pod0"))
    pod(server, "pod9")
    endpoints(server, "n9")
    server.delete(ENDPOINTS, (None, f"vxlan-5.{FOLLOWED}.n3"))


def truth(server):
    """What the agent of NODE must know: key to (uid, version, mark)."""
    known = {}
    with server.changed:
        for path, (_, kind) in KINDS.items():
            for (space, name), made in server.objects[path].items():
                spec, labels = made.get("spec", {}), made["metadata"].get("labels", {})
                if kind == "Pod" and spec["nodeName"] != NODE:
                    continue
                if kind == "VPCEndpoints" and spec["node"] != NODE and labels["libvpc.io/vpc-uid"] != FOLLOWED:
                    continue
                key = f"{kind}/{space}/{name}" if space else f"{kind}/{name}"
                known[key] = (made["metadata"]["uid"], made["metadata"]["resourceVersion"], made["metadata"]["annotations"]["mark"])
    return known


# ---- the agent's side ----

class Probe:
    """A probe with a kubeconfig in that folder: of the user that is told, or as a whole. within: a command that runs it."""

    def __init__(self, command, folder, server, pace="patient", config=None, environment=None, within=(), **user):
        self.kubeconfig = f"{folder}/kubeconfig"
        user = user or {"token": server.token}
        config = config or {"clusters": [{"name": "c", "cluster": {"server": f"https://{server.address}:{server.port}", "certificate-authority": "ca.crt"}}],
                  "users": [{"name": "u", "user": user}], "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}
        with open(self.kubeconfig, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.log = open(f"{folder}/log", "w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen([*within, command, pace, NODE, self.kubeconfig, FOLLOWED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        self.lines, self.arrived, self.synced, self.violations = [], threading.Condition(), False, []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.arrived:
                line = line.strip()
                self.synced |= line == "synced"
                if line.startswith("violation"):
                    self.violations.append(line)
                self.lines.append(line)
                self.arrived.notify_all()

    def ask(self, command, last):
        """The lines that come after the command until one matches."""
        with self.arrived:
            del self.lines[:]
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            if not self.arrived.wait_for(lambda: any(re.match(last, line) for line in self.lines) or self.process.poll() is not None, 10):
                raise Failure(f"no answer to '{command}'")
            if self.process.poll() is not None:
                raise Failure(f"the probe ended with {self.process.returncode}")
            return list(self.lines)

    def verb(self, command):
        """(result, what came with it) of the one answer."""
        answer = [line for line in self.ask(command, "answer") if line.startswith("answer")]
        _, _, result, rest = answer[0].split(" ")
        return int(result), rest

    def known(self):
        return {words[1]: tuple(words[2:5]) for words in (line.split(" ") for line in self.ask("dump", "end")) if words[0] == "obj"}

    def wait_synced(self, seconds=10):
        with self.arrived:
            if not self.arrived.wait_for(lambda: self.synced, seconds):
                raise Failure("not synced in time")

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure("the probe does not end") from None
        if code:
            raise Failure(f"the probe ended with {code}")


def is_same(probe, server):
    known, wanted = probe.known(), truth(server)
    # Of other nodes only the names are known, and from time to time: they are looked at on their own.
    for key in [key for key in {**known, **wanted} if key.startswith("Node/") and key != f"Node/{NODE}"]:
        known.pop(key, None)
        wanted.pop(key, None)
    return known == wanted, known, wanted


def wait_same(probe, server, since):
    while True:
        same, known, wanted = is_same(probe, server)
        if same and probe.synced:
            return time.monotonic() - since
        if time.monotonic() - since > IN_TIME:
            differ = sorted(key for key in {**known, **wanted} if known.get(key) != wanted.get(key))
            raise Failure(f"not the same {IN_TIME} s after the fault: " + "; ".join(f"{key} is {known.get(key)}, not {wanted.get(key)}" for key in differ[:4]))
        time.sleep(0.05)
