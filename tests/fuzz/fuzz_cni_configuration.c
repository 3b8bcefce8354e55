// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "configuration.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Whatever the runtime writes: refused with a reason and nothing touched, or read into terminated absolute paths. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct cni_configuration untouched, configuration;
	struct cni_error error = {""};
	memset(&untouched, 0xa5, sizeof untouched);
	configuration = untouched;
	int code = cni_configuration_read((const char *)bytes, length, &configuration, &error);
	if (code == 0) {
		assert(memchr(configuration.version, 0, sizeof configuration.version));
		assert(memchr(configuration.socket, 0, sizeof configuration.socket) && configuration.socket[0] == '/');
		assert(memchr(configuration.queue, 0, sizeof configuration.queue) && configuration.queue[0] == '/');
	} else {
		assert(code == CNI_UNDECODABLE || code == CNI_INVALID_CONFIGURATION);
		assert(memcmp(&configuration, &untouched, sizeof untouched) == 0 && error.text[0]);
	}
	return 0;
}
