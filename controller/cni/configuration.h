/* SPDX-License-Identifier: Apache-2.0 */
/* The few words of the network configuration that the plugin itself needs; the agent reads the rest. */
#ifndef CNI_CONFIGURATION_H
#define CNI_CONFIGURATION_H

#include <stddef.h>

#include "error.h"

struct cni_configuration {
	char version[16]; /* "cniVersion"; "" if absent */
	char socket[108]; /* "socket": of the agent, an absolute path */
	char queue[256];  /* "queue": directory for DELs that no agent took, an absolute path */
};

/* What holds where the configuration says nothing. */
struct cni_configuration cni_configuration_default(void);

/*
 * Checks that the text is one JSON object (RFC 8259, at most 64 levels deep) and reads its words. Only strings directly
 * in the object count. These must stand in plain letters: a backslash in one of them is refused, not decoded.
 *
 * Returns 0, CNI_UNDECODABLE with the byte where the text stops being JSON, or CNI_INVALID_CONFIGURATION for a word of
 * ours that is no string, stands twice, is too long or is no absolute path. On failure *ret_configuration is untouched.
 */
int cni_configuration_read(const char *text, size_t length, struct cni_configuration *ret_configuration, struct cni_error *error);

#endif
