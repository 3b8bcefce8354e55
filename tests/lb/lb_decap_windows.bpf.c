// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Decapsulation for eBPF for Windows, like lb_windows.bpf.c.
#include "../../bpf/lb_decap.bpf.c"
