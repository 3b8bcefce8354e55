/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_MTU_H
#define CNI_MTU_H

#include <stdint.h>

#include "error.h"

/*
 * Enters the network namespace at the path for good, and sets the interface's MTU there: the program's last deed but
 * for talking to the agent, whose socket is a file. Needs CAP_SYS_ADMIN and CAP_NET_ADMIN.
 *
 * Returns 0 or CNI_MTU_NOT_SET.
 */
int cni_set_mtu(const char *network_namespace, const char *interface, uint32_t mtu, struct cni_error *error);

#endif
