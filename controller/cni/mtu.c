// SPDX-License-Identifier: Apache-2.0
#include "mtu.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../cleanup.h"

int cni_set_mtu(const char *network_namespace, const char *interface, uint32_t mtu, struct cni_error *error) {
	struct ifreq request = {.ifr_mtu = (int)mtu};
	if (strlen(interface) >= sizeof request.ifr_name)
		return cni_fail(error, CNI_MTU_NOT_SET, "CNI_IFNAME '%s' is too long for an interface", interface);
	memcpy(request.ifr_name, interface, strlen(interface));

	_cleanup_(close_fd) int entry = open(network_namespace, O_RDONLY | O_CLOEXEC);
	if (entry < 0 || setns(entry, CLONE_NEWNET) < 0)
		return cni_fail(error, CNI_MTU_NOT_SET, "CNI_NETNS %s: cannot enter: %s", network_namespace, strerror(errno));
	_cleanup_(close_fd) int any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any_socket < 0 || ioctl(any_socket, SIOCSIFMTU, &request) < 0)
		return cni_fail(error, CNI_MTU_NOT_SET, "%s in %s: cannot set the MTU to %u: %s", interface, network_namespace, mtu, strerror(errno));
	return 0;
}
