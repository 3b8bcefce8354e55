# SPDX-License-Identifier: Apache-2.0
"""What bench_kubernetes measures.

    kubernetes.py FOLDER BUILD BINARIES      FOLDER: of the API server; BINARIES: that of kube-proxy
"""
import concurrent.futures
import ctypes
import json
import os
import platform
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

from api import Api, CLAIMS, ENDPOINTS, VPCS

NODES, PODS, NETWORKS = 1000, 10000, 100  # of the large cluster
PODS_HERE, NETWORKS_HERE, PODS_FEW = 50, 10, 10
MEMORY_ROUNDS = 5
CHANGES_A_SECOND, CHANGING_SECONDS, REMOTE_NODES = 200, 30, 20
IDLE_SECONDS = int(os.environ.get("LIBVPC_BENCH_IDLE", 300))
IDLE_ENDPOINTS = 5000
PARALLEL, ADD_ROUNDS = 20, 15
WAIT = 120


def report(name, unit, values, baseline=None, target=None, of_ratio=False):
    """A row, as the other benchmarks print it. values: samples, or one number; the median counts."""
    values = sorted(values if isinstance(values, list) else [values])
    value, ratio = statistics.median(values), None
    if baseline is not None:
        baseline = statistics.median(baseline) if isinstance(baseline, list) else baseline
        ratio = value / baseline
    reached = None if target is None else (ratio if of_ratio else value) <= target
    row = {"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio, "target": target, "reached": reached,
           "spread": [values[len(values) // 4], values[(len(values) * 3) // 4 if len(values) > 3 else -1]]}
    print(json.dumps(row), flush=True)


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def wait_until(what, holds):
    deadline = time.monotonic() + WAIT
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench_kubernetes: {what} does not come")
        time.sleep(0.05)


def percentile(samples, share):
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]


def all_of(function, items, threads=12):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


# ---- processes ----

class Process:
    def __init__(self, name, command, log):
        with open(log, "ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file)
        self.name, self.log = name, log

    def check(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8") as log:
                raise SystemExit(f"bench_kubernetes: {self.name} ended: {log.read()[-800:]}")

    def peak(self):
        """MiB, the most that was resident."""
        self.check()
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

    def seconds(self):
        """On a processor so far, of all threads."""
        self.check()
        total = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{thread}/schedstat", encoding="ascii") as stat:
                total += int(stat.read().split()[0])
        return total / 1e9

    def end(self):
        self.process.terminate()
        self.process.wait()


class Bench:
    def __init__(self, folder, build, binaries):
        self.folder, self.build, self.binaries = folder, build, binaries
        self.api = Api(folder)

    def agent(self, kubeconfig="admin.kubeconfig"):
        ready = f"{self.folder}/ready"
        if os.path.exists(ready):
            os.unlink(ready)
        command = [f"{self.build}/bin/vpc-controller", "--node", "n1", "--kubeconfig", f"{self.folder}/{kubeconfig}", "--uplink", "uplink", "--underlay",
                   "172.30.0.1", "--state", f"{self.folder}/state", "--socket", f"{self.folder}/cni.sock", "--queue", f"{self.folder}/queue", "--ready-file", ready]
        agent = Process("the agent", command, f"{self.folder}/agent.log")
        wait_until("readiness of the agent", lambda: agent.check() or os.path.exists(ready))
        return agent

    def kube_proxy(self):
        log = f"{self.folder}/proxy.log"
        open(log, "wb").close()
        proxy = Process("kube-proxy", [f"{self.binaries}/kube-proxy", "--kubeconfig", f"{self.folder}/admin.kubeconfig", "--hostname-override", "n1", "--proxy-mode", "iptables",
                                       "-v", "2", "--conntrack-max-per-core", "0", "--conntrack-tcp-timeout-established", "0s", "--conntrack-tcp-timeout-close-wait", "0s"], log)

        def synced():
            proxy.check()
            with open(log, encoding="utf-8") as file:
                return "Caches are synced" in file.read()
        wait_until("kube-proxy's first list", synced)
        return proxy

    # ---- objects ----

    def padded(self, kind, metadata, rest, size):
        """As large as such objects are in real clusters: managed fields, annotations, status."""
        made = dict({"apiVersion": "v1", "kind": kind, "metadata": metadata}, **rest)
        missing = size - len(json.dumps(made)) - 40
        metadata.setdefault("annotations", {})
        if kind == "Pod":  # of which specifications are the most
            rest["spec"]["containers"][0]["env"] = [{"name": f"SETTING_{i}", "value": "v" * 100} for i in range(max(0, missing // 135))]
            return dict({"apiVersion": "v1", "kind": kind, "metadata": metadata}, **rest)
        rest.setdefault("status", {})["images"] = [{"names": [f"registry.example/team/application-{i}@sha256:" + "0" * 64], "sizeBytes": 12345678} for i in range(max(0, missing // 150))]
        return dict({"apiVersion": "v1", "kind": kind, "metadata": metadata}, **rest)

    def pod(self, name, network, node, size=6144):
        metadata = {"name": name, "namespace": "default", "annotations": {"libvpc.io/vpc": network}}
        spec = {"containers": [{"name": "main", "image": "registry.example/team/application:1.2.3"}]}
        if node:
            spec["nodeName"] = node
        return self.padded("Pod", metadata, {"spec": spec}, size)

    def create_pods(self, pods):
        all_of(lambda made: self.api.create("/api/v1/namespaces/default/pods", made), pods)

    def create_vpcs(self, names):
        all_of(lambda name: self.api.create(VPCS, {"apiVersion": "libvpc.io/v1alpha1", "kind": "VPC", "metadata": {"name": name},
                                                   "spec": {"encapsulation": "vxlan", "namespaces": ["*"]}}), names)

    def networks(self, names):
        """Name to the VPC, once each has its identifier."""
        def assigned():
            return sum(bool(made.get("status", {}).get("id")) for made in self.api.items(VPCS) if made["metadata"]["name"] in names) == len(names)
        wait_until("identifiers", assigned)
        return {made["metadata"]["name"]: made for made in self.api.items(VPCS)}

    def endpoints(self, vpc, node, pods):
        number = int(node[1:])
        identifier = vpc["status"]["id"]
        return {"apiVersion": "libvpc.io/v1alpha1", "kind": "VPCEndpoints",
                "metadata": {"name": f"vxlan-{identifier}.{node}", "labels": {"libvpc.io/vpc-uid": vpc["metadata"]["uid"]}},
                "spec": {"node": node, "vpc": {"name": vpc["metadata"]["name"], "uid": vpc["metadata"]["uid"]}, "encapsulation": "vxlan", "id": identifier,
                         "underlay": [f"172.30.{number >> 8}.{number & 255}"], "uplinkMAC": f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}",
                         "pods": [{"uid": f"00000000-0000-4000-8000-{identifier:06d}{pod:06d}", "namespace": "default", "name": f"pod-{pod}", "mac": f"02:00:05:00:{pod >> 8 & 255:02x}:{pod & 255:02x}",
                                   "addresses": [f"10.{2 + (pod >> 16)}.{pod >> 8 & 255}.{pod & 255}"]} for pod in pods]}}

    # ---- ADD ----

    def request(self, number, pod, command="ADD"):
        environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": f"bench-{number}", "CNI_NETNS": "/run/netns/pods", "CNI_IFNAME": f"c{number}",
                       "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod}", "CNI_PATH": "/usr/lib/cni"}
        result = {"cniVersion": "1.0.0", "interfaces": [{"name": f"h{number}", "mac": f"02:00:01:00:00:{number:02x}"},
                                                        {"name": f"c{number}", "mac": f"02:00:02:00:00:{number:02x}", "sandbox": "/run/netns/pods"}],
                  "ips": [{"interface": 1, "address": f"10.1.0.{number}/16", "gateway": "10.1.0.1"}], "routes": [{"dst": "0.0.0.0/0"}]}
        configuration = {"cniVersion": "1.0.0", "name": "main", "type": "vpc-cni", "socket": f"{self.folder}/cni.sock", "queue": f"{self.folder}/queue", "prevResult": result}
        return environment, configuration

    def ask(self, number, pod, command="ADD"):
        environment, configuration = self.request(number, pod, command)
        texts = "".join(f"{name}={value}\0" for name, value in environment.items()).encode(), json.dumps(configuration).encode()
        with socket.socket(socket.AF_UNIX) as agent:
            agent.connect(f"{self.folder}/cni.sock")
            agent.sendall(struct.pack("=IIII", 0x31435056, {"ADD": 1, "DEL": 2}[command], len(texts[0]), len(texts[1])) + texts[0] + texts[1])
            answer = b""
            while part := agent.recv(65536):
                answer += part
        if struct.unpack("=IIII", answer[:16])[1]:
            raise SystemExit(f"bench_kubernetes: {command} of {pod}: {answer[16:]!r}")

    def run_plugin(self, plugin, number, pod, command="ADD"):
        """Milliseconds of one run."""
        environment, configuration = self.request(number, pod, command)
        program = f"{self.build}/bin/vpc-cni"
        if plugin != "vpc-cni":
            program = f"/usr/lib/cni/{plugin}"
            configuration["type"] = plugin
            if plugin == "bandwidth":
                configuration.update(ingressRate=10 ** 9, ingressBurst=10 ** 9, egressRate=10 ** 9, egressBurst=10 ** 9)
            else:
                configuration["mtu"] = 1400
        start = time.perf_counter()
        done = subprocess.run([program], input=json.dumps(configuration), env=environment, capture_output=True, text=True, check=False)
        took = (time.perf_counter() - start) * 1000
        if done.returncode:
            raise SystemExit(f"bench_kubernetes: {plugin} {command} of {pod}: {done.stdout}{done.stderr}")
        return took


# ---- memory ----

def measure_memory(bench):
    """The empty cluster, and the one with ten Pods; the agent and kube-proxy in turn."""
    bench.api.create("/api/v1/nodes", bench.padded("Node", {"name": "n1"}, {"status": {"addresses": [{"type": "InternalIP", "address": "172.30.0.1"}]}}, 10240))
    empty = []
    for _ in range(MEMORY_ROUNDS):
        agent = bench.agent()
        time.sleep(2)
        empty.append(agent.peak())
        agent.end()
    bench.create_vpcs(["net0"])
    bench.create_pods([bench.pod(f"few{number}", "net0", "n1") for number in range(1, PODS_FEW + 1)])
    agent = bench.agent()
    bench.networks(["net0"])
    for number in range(1, PODS_FEW + 1):
        bench.ask(number, f"few{number}")
    ours, theirs = [agent.peak()], []
    agent.end()
    for _ in range(MEMORY_ROUNDS):
        agent, proxy = bench.agent(), bench.kube_proxy()
        time.sleep(5)
        ours.append(agent.peak())
        theirs.append(proxy.peak())
        agent.end()
        proxy.end()
    report("agent's memory with 10 Pods, against kube-proxy's", "MiB", ours, theirs, 0.2, of_ratio=True)
    return statistics.median(empty)


def fill_cluster(bench):
    """1,000 nodes, 10,000 Pods in 100 VPCs, of which 50 in 10 VPCs are here."""
    say("filling the cluster")
    start = time.monotonic()
    all_of(lambda number: bench.api.create("/api/v1/nodes", bench.padded(
        "Node", {"name": f"n{number}"}, {"status": {"addresses": [{"type": "InternalIP", "address": f"172.30.{number >> 8}.{number & 255}"}]}}, 10240)), range(2, NODES + 1))
    names = [f"net{number}" for number in range(NETWORKS)]
    bench.create_vpcs(names[1:])
    vpcs = bench.networks(names)
    bench.create_pods([bench.pod(f"here{number}", f"net{number % NETWORKS_HERE}", "n1") for number in range(PODS_FEW + 1, PODS_HERE + 1)])
    bench.create_pods([bench.pod(f"pod{number}", f"net{number % NETWORKS}", f"n{2 + number % (NODES - 1)}") for number in range(PODS - PODS_HERE)])
    published = {}
    for number in range(PODS - PODS_HERE):
        published.setdefault((f"net{number % NETWORKS}", f"n{2 + number % (NODES - 1)}"), []).append(number)
    all_of(lambda entry: bench.api.create(ENDPOINTS, bench.endpoints(vpcs[entry[0][0]], entry[0][1], entry[1])), published.items())
    say(f"{len(published)} VPCEndpoints, after {time.monotonic() - start:.0f} s")
    return vpcs


def main():
    bench = Bench(*sys.argv[1:4])
    empty = measure_memory(bench)
    agent = bench.agent()
    vpcs = fill_cluster(bench)
    for number in range(PODS_FEW + 1, PODS_HERE + 1):
        bench.ask(number, f"here{number}")
    agent.end()
    large = []
    for _ in range(MEMORY_ROUNDS):
        agent = bench.agent()
        time.sleep(10)
        large.append(agent.peak())
        agent.end()
    report("the same with 1,000 nodes and 10,000 Pods, 50 of them here, beyond an empty cluster", "MiB", [value - empty for value in large], target=4)
    measure_adds(bench)
    agent = bench.agent()
    measure_changes(bench, vpcs)
    measure_idle(bench, agent)
    agent.end()


# ---- changes of others ----

class Members:
    """The datapath's map of members, read by the system call."""
    PATH = "/sys/fs/bpf/libvpc"
    SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]

    def __init__(self):
        folder = next(entry.path for entry in os.scandir(self.PATH) if entry.name.startswith("v"))
        self.libc = ctypes.CDLL(None, use_errno=True)
        path = ctypes.create_string_buffer(f"{folder}/members".encode())
        self.fd = self.call(7, struct.pack("=QII", ctypes.addressof(path), 0, 0))
        if self.fd < 0:
            raise SystemExit(f"bench_kubernetes: {folder}/members: {os.strerror(ctypes.get_errno())}")
        self.value = ctypes.create_string_buffer(256)

    def call(self, command, attributes):
        room = ctypes.create_string_buffer(attributes, 128)
        return self.libc.syscall(self.SYSCALL, command, room, 128)

    def has(self, identifier, address):
        key = ctypes.create_string_buffer(struct.pack("=II", identifier, 0) + b"\0" * 10 + b"\xff\xff" + socket.inet_aton(address), 24)
        return self.call(1, struct.pack("=IIQQQ", self.fd, 0, ctypes.addressof(key), ctypes.addressof(self.value), 0)) == 0


def measure_changes(bench, vpcs):
    """Each change adds one Pod to a node's VPCEndpoints; what is waited for is its entry in the kernel."""
    say("changes of others")
    members, waiting, times, lock = Members(), {}, [], threading.Lock()
    objects = {}
    for network in range(NETWORKS_HERE):
        for node in range(REMOTE_NODES):
            made = bench.endpoints(vpcs[f"net{network}"], f"n{2000 + node}", [])
            objects[(network, node)] = bench.api.create(ENDPOINTS, made)
    stop = threading.Event()

    def poll():
        while not stop.is_set() or waiting:
            with lock:
                keys = list(waiting.items())
            for key, since in keys:
                if members.has(*key):
                    times.append((time.perf_counter() - since) * 1000)
                    with lock:
                        del waiting[key]
            if stop.is_set() and keys and time.perf_counter() - keys[0][1] > WAIT:
                raise SystemExit("bench_kubernetes: an endpoint never came to the map")
            time.sleep(0.0005)
    poller = threading.Thread(target=poll)
    poller.start()

    def change(at):
        index, when = at
        network, node = index % NETWORKS_HERE, index // NETWORKS_HERE % REMOTE_NODES
        time.sleep(max(0, when - time.perf_counter()))
        made = objects[(network, node)]
        pod = 20000 + index
        more = bench.endpoints(vpcs[f"net{network}"], f"n{2000 + node}", [pod])["spec"]["pods"]
        made["spec"]["pods"] = (made["spec"]["pods"] + more)[-2:]
        objects[(network, node)] = bench.api.request("PUT", f"{ENDPOINTS}/{made['metadata']['name']}?fieldValidation=Ignore", made)
        with lock:
            waiting[(made["spec"]["id"], more[0]["addresses"][0])] = time.perf_counter()
    start = time.perf_counter() + 0.5
    count = CHANGES_A_SECOND * CHANGING_SECONDS
    all_of(change, [(index, start + index / CHANGES_A_SECOND) for index in range(count)], threads=16)
    took = time.perf_counter() - start
    stop.set()
    poller.join()
    say(f"{count / took:.0f} changes a second; p50 {percentile(times, 0.5):.1f} ms, most {max(times):.0f} ms")
    report("a peer's endpoint change, API response to map entry, p99", "ms", percentile(times, 0.99), target=50)


# ---- idle ----

def measure_idle(bench, agent):
    say(f"idle, for {IDLE_SECONDS} s")
    proxy = bench.kube_proxy()
    elsewhere = [made for made in bench.api.items(ENDPOINTS) if int(made["spec"]["vpc"]["name"][3:]) >= NETWORKS_HERE][:IDLE_ENDPOINTS]
    time.sleep(5)
    before, began = (agent.seconds(), proxy.seconds()), time.monotonic()
    stop_at, changed = began + IDLE_SECONDS, 0
    while time.monotonic() < stop_at:  # every one of them once in the time
        made = elsewhere[changed % len(elsewhere)]
        patch = {"spec": {"pods": [dict(made["spec"]["pods"][0], name=f"renamed-{changed}")]}}
        bench.api.request("PATCH", f"{ENDPOINTS}/{made['metadata']['name']}", patch, "application/merge-patch+json")
        changed += 1
        time.sleep(max(0, began + changed * IDLE_SECONDS / len(elsewhere) - time.monotonic()))
    ours, theirs = agent.seconds() - before[0], proxy.seconds() - before[1]
    say(f"{changed} VPCEndpoints changed elsewhere")
    report("processor time of an idle agent in 5 minutes, against kube-proxy's", "ms", ours * 1000 * 300 / IDLE_SECONDS, theirs * 1000 * 300 / IDLE_SECONDS, 0.2, of_ratio=True)
    proxy.end()


# ---- ADD ----

class LateWatches:
    """Between agent and API server: while late is set, nothing comes through the connections that were there before, but for
    the first, which is that of single questions. So the agent must ask for what has just been made."""

    def __init__(self):
        self.late, self.first = threading.Event(), None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", 6443))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.first = self.first or client
            can_wait = client is not self.first and not self.late.is_set()
            threading.Thread(target=self.forward, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.forward, args=(server, client, can_wait), daemon=True).start()

    def forward(self, source, target, can_wait):
        try:
            while part := source.recv(65536):
                while can_wait and self.late.is_set():
                    time.sleep(0.005)
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def measure_adds(bench):
    """20 at once, in turns: vpc-cni with the Pod known, with the Pod read live, and two plugins behind the same main plugin."""
    say("ADD, 20 at once")
    between = LateWatches()
    with open(f"{bench.folder}/admin.kubeconfig", encoding="utf-8") as direct, open(f"{bench.folder}/late.kubeconfig", "w", encoding="utf-8") as late:
        late.write(direct.read().replace("127.0.0.1:6443", f"127.0.0.1:{between.port}"))
    agent = bench.agent("late.kubeconfig")
    numbers = range(PODS_HERE + 1, PODS_HERE + 1 + PARALLEL)
    others = range(numbers.stop, numbers.stop + PARALLEL)  # what a Pod has left stays closed, and has its qdisc
    bench.create_pods([bench.pod(f"known{number}", "net1", "n1") for number in numbers])
    time.sleep(1)
    kinds = {"known": "vpc-cni", "live": "vpc-cni", "bandwidth": "bandwidth", "tuning": "tuning"}
    times = {kind: [] for kind in kinds}
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        for turn in range(ADD_ROUNDS):
            for kind, plugin in kinds.items():
                name = f"live{turn}-" if kind == "live" else "known"
                if kind == "live":
                    between.late.set()
                    bench.create_pods([bench.pod(f"{name}{number}", "net1", "n1") for number in numbers])
                interfaces = numbers if plugin == "vpc-cni" else others
                times[kind] += pool.map(lambda number, plugin=plugin, name=name: bench.run_plugin(plugin, number, f"{name}{number}"), interfaces)
                between.late.clear()
                list(pool.map(lambda number, plugin=plugin, name=name: bench.run_plugin(plugin, number, f"{name}{number}", "DEL"), interfaces))
                if plugin == "bandwidth":  # which leaves this to the end of the interface
                    subprocess.run(["tc", "-batch", "-"], input="".join(f"qdisc del dev h{number} {which}\n" for number in others for which in ("root", "ingress")), text=True, check=True)
                time.sleep(0.5)
    agent.end()
    for kind in kinds:
        say(f"{kind}: p50 {percentile(times[kind], 0.5):.1f} ms, p99 {percentile(times[kind], 0.99):.1f} ms")
    for kind, name in (("known", "ADD p99, 20 at once, Pod known"), ("live", "ADD p99, 20 at once, Pod read live")):
        for other in ("bandwidth", "tuning"):
            report(f"{name}, against {other}", "ms", percentile(times[kind], 0.99), percentile(times[other], 0.99), 1 if kind == "known" else None, of_ratio=True)


if __name__ == "__main__":
    main()
