#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part of streams_test that asks: streams.py PROBE FOLDER_OF_THE_API_SERVER KUBECTL"""
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from world import Failure, Probe  # noqa: E402

command, folder, kubectl = sys.argv[1:]


def kube(*words, text=None):
    subprocess.run([kubectl, "--kubeconfig", f"{folder}/admin.kubeconfig", *words], input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def endpoints(number, node):
    return (f"{{apiVersion: libvpc.io/v1alpha1, kind: VPCEndpoints, metadata: {{name: vxlan-{number}.{node}, labels: {{libvpc.io/vpc-uid: u{number}}}}}, "
            f"spec: {{node: {node}, vpc: {{name: v, uid: u{number}}}, encapsulation: vxlan, id: {number}, underlay: [172.30.0.2], uplinkMAC: '02:00:00:00:00:01'}}}}\n---\n")


def wait_known(probe, wanted):
    """Returns how long it took."""
    begin = time.monotonic()
    while (known := len([key for key in probe.known() if key.endswith(".n2")])) != wanted:
        if time.monotonic() - begin > 20:
            raise Failure(f"{known} VPCEndpoints are known, not {wanted}")
        time.sleep(0.05)
    return time.monotonic() - begin


def connections():
    return len(subprocess.run(["ss", "-Htn", "state", "established", "dport = :6443"], capture_output=True, text=True, check=True).stdout.splitlines())


def slowest(probe):
    """Of 50 questions, in seconds."""
    took = []
    for _ in range(50):
        begin = time.monotonic()
        probe.verb("get NetworkID - nothing")
        took.append(time.monotonic() - begin)
    return max(took)


def main(probe):
    probe.wait_synced()
    for number in range(1001, 1151):
        probe.process.stdin.write(f"follow u{number}\n")
    wait_known(probe, 150)
    single = slowest(probe)
    print(f"150 VPCs are known over {connections()} connections; the slowest of 50 questions took {single * 1000:.0f} ms")
    if single > 1:
        raise Failure("a question waits")
    for number in range(2000, 5850):
        probe.process.stdin.write(f"follow u{number}\n")
    kube("create", "-f", "-", text=endpoints(2500, "n2"))
    wait_known(probe, 151)
    single = slowest(probe)
    print(f"4,000 VPCs are known over {connections()} connections; the slowest of 50 questions took {single * 1000:.0f} ms")
    if single > 1 or connections() < 3:
        raise Failure("a question waits, or the watches share one connection")
    kube("delete", "vpcendpoints", *[f"vxlan-{number}.n2" for number in range(1001, 1051)])
    print(f"50 deletions are known {wait_known(probe, 101):.2f} s after the last")
    probe.end()
    if probe.violations:
        raise Failure(probe.violations[0])


kube("create", "-f", "-", text="".join(endpoints(number, "n2") for number in range(1001, 1151)) + endpoints(5000, "n3"))
os.mkdir(f"{folder}/probe")
with open(f"{folder}/ca.crt", "rb") as source, open(f"{folder}/probe/ca.crt", "wb") as target:
    target.write(source.read())


class Real:
    address, port, token = "127.0.0.1", 6443, "admin-token"


one = Probe(command, f"{folder}/probe", Real, "real")
try:
    main(one)
except Failure as failure:
    one.log.seek(0)
    print(f"streams_test: {failure}\n{''.join(one.log.readlines()[-15:])}")
    sys.exit(1)
finally:
    one.process.kill()
