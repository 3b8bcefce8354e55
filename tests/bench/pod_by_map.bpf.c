// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The programs of a Pod, reading its values from a hash map for each packet: what the benchmark compares with.
#define VPC_VALUES_FROM_MAP
#include "../../bpf/pod.bpf.c"
