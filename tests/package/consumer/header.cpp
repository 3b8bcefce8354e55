// SPDX-License-Identifier: Apache-2.0
// The public header stands alone in C++17.
#include <vpc/vpc.h>

int main() {
	return vpc_version()[0] == '\0';
}
