# SPDX-License-Identifier: Apache-2.0
"""The herd of herd_test: runs agents and kills them, makes and deletes VPCs, and judges by the record.

    herd.py FOLDER CONTROLLER AGENTS VPCS      with an API server that has the CRDs; FOLDER: its certificates, its audit log
"""
import collections
import concurrent.futures
import datetime
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

from api import Api, CLAIMS, ENDPOINTS, Record, Refused, VPCS

HOLD_DOWN = 3  # seconds
PATIENCE = 300  # seconds without any progress: hung, not slow
VLANS = (100, 119)
# Of claims, for each VPC. More may come of a request that the server let time out, and of an agent that was rejected so long
# that what it knows is old: of few VPCs, and not many more.
MOST_CREATIONS, MORE_CREATIONS, SHARE_OF_MORE = 3, 6, 0.01
# In the small form, where agents are killed and rejected more often for each VPC, up to one in twenty has more; a third has
# where agents do not hold back by rank.
SHARE_OF_MORE_IN_SMALL_FORM = 0.1


class Failure(Exception):
    pass


class Agents:
    """As many as told, each killed without a warning now and then, and started anew at once."""

    def __init__(self, folder, controller, count):
        self.folder, self.controller, self.count = folder, controller, count
        self.processes, self.kills, self.stopping = {}, 0, threading.Event()
        for number in range(1, count + 1):
            self.start(number)
        self.killer = threading.Thread(target=self.kill_some, daemon=True)
        self.killer.start()

    def start(self, number):
        name = f"{self.folder}/n{number}"
        with open(f"{self.folder}/log.n{number}", "ab") as log:
            self.processes[number] = subprocess.Popen(
                [self.controller, "--node", f"n{number}", "--kubeconfig", f"{self.folder}/agent.kubeconfig", "--state", f"{name}.s", "--socket", f"{name}.sock",
                 "--queue", f"{name}.q", "--no-datapath"], stdout=log, stderr=log)

    def kill_some(self):
        while not self.stopping.wait(random.uniform(0.2, 1.2)):
            number = random.randint(1, self.count)
            if self.processes[number].poll() is not None:
                print(f"agent n{number} ended with {self.processes[number].returncode}", flush=True)
                os._exit(1)
            self.processes[number].kill()
            self.processes[number].wait()
            self.kills += 1
            self.start(number)

    def end(self):
        self.stopping.set()
        self.killer.join()
        for process in self.processes.values():
            process.kill()
            process.wait()


def vpc(name, encapsulation="vxlan", pinned=None):
    spec = {"encapsulation": encapsulation, "namespaces": ["*"]}
    if pinned:
        spec["id"] = pinned
    return {"apiVersion": "libvpc.io/v1alpha1", "kind": "VPC", "metadata": {"name": name}, "spec": spec}


def endpoints(made, node):
    """As a node without an agent would have published them, before it went away."""
    status, metadata = made["status"], made["metadata"]
    return {"apiVersion": "libvpc.io/v1alpha1", "kind": "VPCEndpoints",
            "metadata": {"name": f"{status['encapsulation']}-{status['id']}.{node}", "labels": {"libvpc.io/vpc-uid": metadata["uid"]}},
            "spec": {"node": node, "vpc": {"name": metadata["name"], "uid": metadata["uid"]}, "encapsulation": status["encapsulation"], "id": status["id"],
                     "underlay": ["192.0.2.7"], "uplinkMAC": "02:00:00:00:00:07", "pods": []}}


def all_of(function, items):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(function, items))


def ready(made):
    for condition in made.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return condition
    return {"status": "Unknown", "reason": "", "message": ""}


def wait_for(what, look):
    """look() gives None when it is so, else how far it is; while that changes there is no hurry."""
    last, since, began = object(), time.monotonic(), time.monotonic()
    while (state := look()) is not None:
        if state != last:
            last, since = state, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            raise Failure(f"{what} does not come: {state}")
        time.sleep(0.5)
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


# ---- what may never be ----

def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def claim_of(made):
    status = made.get("status", {})
    return f"{status['encapsulation']}-{status['id']}" if status.get("id") else None


class Judge:
    """Goes through all that happened, in its order."""

    def __init__(self):
        self.vpcs, self.claims, self.users = {}, {}, collections.Counter()  # UID to its object; name to its object; UID to number of VPCEndpoints
        self.had, self.freed, self.released, self.losers = {}, {}, set(), set()  # UID to the claim it had; name to seconds from release to deletion; UIDs; names
        self.violations, self.reuses = [], 0

    def say(self, text):
        self.violations.append(text)

    def take(self, kind, event, made, arrived):
        getattr(self, f"take_{kind}")(event, made, arrived)

    def take_vpc(self, event, made, _):
        uid, name = made["metadata"]["uid"], claim_of(made)
        if event == "DELETED":
            self.vpcs.pop(uid, None)
            return
        self.vpcs[uid] = made
        before = self.had.get(uid)
        if before and name != before:
            self.say(f"VPC {made['metadata']['name']} had {before} and has {name}")
        if name and not before:
            self.had[uid] = name
            claim = self.claims.get(name)
            if not claim or claim["spec"]["vpc"]["uid"] != uid:
                self.say(f"VPC {made['metadata']['name']} was given {name}, of which it has no claim")
            holders = [other for other in self.vpcs if other != uid and self.had.get(other) == name]
            if holders:
                self.say(f"{name} is held by {uid} and {holders}")
        pinned = made["spec"].get("id")
        if name and pinned and not name.endswith(f"-{pinned}"):
            self.say(f"VPC {made['metadata']['name']} is pinned to {pinned} and has {name}")

    def take_claim(self, event, made, arrived):
        name, uid = made["metadata"]["name"], made["spec"]["vpc"]["uid"]
        released = made.get("status", {}).get("releasedAt")
        if event == "ADDED":
            freed = self.freed.pop(name, None)
            self.reuses += freed is not None
            if freed and freed < HOLD_DOWN:
                self.say(f"{name} was given anew {freed:.1f} s after its release")
        elif event == "MODIFIED" and released and uid not in self.released:
            loses = uid in self.vpcs and self.had.get(uid) not in (None, name)  # another claim of the same VPC counts; this one never did
            if loses:
                self.losers.add(name)
            else:
                self.released.add(uid)
            if uid in self.vpcs and not loses:
                self.say(f"{name} was released while its VPC stands")
            if self.users[uid] and not loses:
                self.say(f"{name} was released while {self.users[uid]} nodes use it")
        if event != "DELETED":
            self.claims[name] = made
            return
        self.claims.pop(name, None)
        if name in self.losers:
            self.losers.discard(name)
        elif released:
            self.freed[name] = arrived - seconds(released)
            if self.freed[name] < HOLD_DOWN:
                self.say(f"{name} was deleted {self.freed[name]:.1f} s after its release")
        elif self.had.get(uid) == name or uid not in self.vpcs:
            self.say(f"{name} was deleted without a release")

    def take_endpoints(self, event, made, _):
        uid = made["spec"]["vpc"]["uid"]
        self.users[uid] += {"ADDED": 1, "DELETED": -1}.get(event, 0)


def judge(records):
    events = sorted(((version, kind, event, made, arrived) for kind, record in records.items() for version, event, made, arrived in record.events), key=lambda entry: entry[0])
    verdict = Judge()
    for _, kind, event, made, arrived in events:
        verdict.take(kind, event, made, arrived)
    for record in records.values():
        if record.failure:
            verdict.say(record.failure)
    print(f"{len(events)} events; {verdict.reuses} identifiers were given to a second VPC", flush=True)
    return verdict.violations


def creations(log):
    """Which creations of claims were tried, and their outcome, by UID of the VPC."""
    tried = collections.defaultdict(list)
    with open(log, encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            if told["responseStatus"]["code"] == 429 or told["responseStatus"]["code"] >= 500:  # not even looked at, or not to the end
                continue
            tried[told["requestObject"]["spec"]["vpc"]["uid"]].append(f"{told['requestObject']['metadata']['name']}: {told['responseStatus']['code']}")
    return tried


# ---- the run ----

class Herd:
    def __init__(self, folder, controller, agents, count):
        self.folder, self.controller, self.agents, self.count = folder, controller, agents, count
        self.api = Api(folder)
        self.wanted = {}  # name to object, of those that shall have an identifier

    def create(self, made):
        self.api.create(VPCS, made)

    def prepare(self):
        for number in range(1, self.agents + 1):
            self.api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{number}"}})
        settings = {"holdDown": f"{HOLD_DOWN}s", "vniRange": f"5000-{5000 + self.count * 3 // 2}", "vlanRange": f"{VLANS[0]}-{VLANS[1]}"}
        self.api.create("/api/v1/namespaces/kube-system/configmaps",
                        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "libvpc-config", "namespace": "kube-system"}, "data": settings})

    def assigned(self):
        """None once each VPC that shall have an identifier has one."""
        have = {made["metadata"]["name"]: made for made in self.api.items(VPCS)}
        lacking = [name for name in self.wanted if not (name in have and claim_of(have[name]) and ready(have[name])["status"] == "True")]
        return f"{len(lacking)} of {len(self.wanted)} lack an identifier, as {lacking[0]}: {ready(have.get(lacking[0], {}))}" if lacking else None

    def refused(self, names, reason, *words):
        have = {made["metadata"]["name"]: ready(made) for made in self.api.items(VPCS)}
        for name in names:
            if have[name]["status"] != "False" or have[name]["reason"] != reason or not all(word in have[name]["message"] for word in words):
                return f"{name}: {have[name]}"
        return None

    def has_event(self, names, reason):
        told = {event["involvedObject"]["name"] for event in self.api.items("/api/v1/namespaces/default/events") if event["reason"] == reason}
        return None if told >= set(names) else f"no Event {reason} of {sorted(set(names) - told)[:3]}"

    def left(self):
        claims, used = self.api.items(CLAIMS), self.api.items(ENDPOINTS)
        return f"{len(claims)} claims, {len(used)} VPCEndpoints" if claims or used else None

    def make_vpcs(self):
        vlans = VLANS[1] - VLANS[0] + 1
        pinned = [vpc(f"pinned{number}", pinned=1000 + number) for number in range(self.count // 20)]
        vlan = [vpc(f"vlan{number}", "vlan") for number in range(vlans)]
        rest = [vpc(f"vpc{number}") for number in range(self.count - len(pinned) - len(vlan))]
        self.wanted = {made["metadata"]["name"]: made for made in pinned + vlan + rest}
        order = list(self.wanted.values())
        random.shuffle(order)
        all_of(self.create, order)

    def refuse_some(self):
        """What is pinned to another's identifier, and what finds no VLAN left, is told so, and served once there is room."""
        taken = [vpc(f"taken{number}", pinned=1000 + number) for number in range(3)]
        beyond = [vpc(f"beyond{number}", "vlan") for number in range(3)]
        all_of(self.create, taken + beyond)
        wait_for("condition of taken identifiers", lambda: self.refused(["taken1"], "IdentifierTaken", "VPC pinned1"))
        wait_for("condition of exhausted VLANs", lambda: self.refused([made["metadata"]["name"] for made in beyond], "IdentifiersExhausted"))
        wait_for("Event of exhausted VLANs", lambda: self.has_event([made["metadata"]["name"] for made in beyond], "IdentifiersExhausted"))
        for made in taken[1:] + beyond[1:]:
            self.api.delete(f"{VPCS}/{made['metadata']['name']}")
        for name in ("pinned0", "vlan3"):
            self.api.delete(f"{VPCS}/{name}")
            del self.wanted[name]
        for made in (taken[0], beyond[0]):
            self.wanted[made["metadata"]["name"]] = made
        wait_for("identifiers for those that waited", self.assigned)

    def recreate_some(self):
        """Deleted and made anew under the same name, most at once, some with VPCEndpoints that hold the identifier."""
        have = {made["metadata"]["name"]: made for made in self.api.items(VPCS)}
        chosen = random.sample(sorted(self.wanted), len(self.wanted) * 3 // 10)
        # What holds an identifier must leave another one for the VPC made anew: neither a pinned one nor a VLAN does.
        holding = [endpoints(have[name], "gone") for name in [name for name in chosen if name.startswith("vpc")][::7]]
        all_of(lambda made: self.api.create(ENDPOINTS, made), holding)

        def recreate(name):
            self.api.delete(f"{VPCS}/{name}")
            self.create(self.wanted[name])
        all_of(recreate, chosen)
        wait_for(f"identifiers for {len(chosen)} VPCs made anew", self.assigned)
        for made in holding:
            claim = self.api.get(f"{CLAIMS}/{made['metadata']['name'].split('.')[0]}")
            if claim["spec"]["vpc"]["uid"] != made["spec"]["vpc"]["uid"] or claim.get("status", {}).get("releasedAt"):
                raise Failure(f"{claim['metadata']['name']} was released while a node uses it")
        all_of(lambda made: self.api.delete(f"{ENDPOINTS}/{made['metadata']['name']}"), holding)
        after = {made["metadata"]["name"]: made for made in self.api.items(VPCS)}
        for name in chosen:
            if after[name]["metadata"]["uid"] == have[name]["metadata"]["uid"]:
                raise Failure(f"{name} was not made anew")

    def one_claim_each(self):
        held = collections.Counter(claim["spec"]["vpc"]["uid"] for claim in self.api.items(CLAIMS))
        uids = {made["metadata"]["uid"] for made in self.api.items(VPCS)}
        wrong = [uid for uid in set(held) | uids if held[uid] != (uid in uids)]
        return f"{len(wrong)} VPCs have not one claim" if wrong else None

    def delete_all(self):
        def delete(name):
            try:
                self.api.delete(f"{VPCS}/{name}")
            except Refused as refused:
                if refused.code != 404:
                    raise
        all_of(delete, [made["metadata"]["name"] for made in self.api.items(VPCS)])
        wait_for("release of all identifiers", self.left)

    def run(self):
        self.prepare()
        records = {"vpc": Record(self.api, VPCS), "claim": Record(self.api, CLAIMS), "endpoints": Record(self.api, ENDPOINTS)}
        agents = Agents(self.folder, self.controller, self.agents)
        try:
            self.make_vpcs()
            wait_for(f"identifiers for {self.count} VPCs by {self.agents} agents", self.assigned)
            self.refuse_some()
            for _ in range(2):
                self.recreate_some()
            wait_for("one claim for each VPC", self.one_claim_each)
            self.delete_all()
        finally:
            agents.end()
            print(f"{agents.kills} agents were killed", flush=True)
        return self.judge(records)

    def rejections(self):
        """How many requests of the agents the server had no place for."""
        return sum(float(line.split(" ")[1]) for line in self.api.text("/metrics").splitlines()
                   if line.startswith("apiserver_flowcontrol_rejected_requests_total") and 'priority_level="agents"' in line)

    def judge(self, records):
        violations = judge(records)
        print(f"{self.rejections():.0f} requests were rejected", flush=True)
        tried = creations(f"{self.folder}/audit.log")
        print(f"creations of claims for a VPC: {dict(sorted(collections.Counter(map(len, tried.values())).items()))}", flush=True)
        worst = [f"{len(told)} creations of a claim for VPC {uid}: {', '.join(told)}" for uid, told in tried.items() if len(told) > MOST_CREATIONS]
        for text in violations[:20] + worst[:5]:
            print(f"  {text}")
        if os.environ.get("LIBVPC_LONG_TESTS"):
            too_many = len(worst) > max(1, len(tried) * SHARE_OF_MORE) or max(map(len, tried.values())) > MORE_CREATIONS
        else:
            too_many = len(worst) > len(tried) * SHARE_OF_MORE_IN_SMALL_FORM
        return 1 if violations or too_many else 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    herd = Herd(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    try:
        return herd.run()
    except Failure as failure:
        print(f"herd: {failure}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
