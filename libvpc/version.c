// SPDX-License-Identifier: Apache-2.0
#include <vpc/vpc.h>

const char *vpc_version(void) {
	return VPC_VERSION;
}
