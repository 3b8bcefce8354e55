/* SPDX-License-Identifier: Apache-2.0 */
/* base64 as RFC 4648 has it. */
#ifndef AGENT_BASE64_H
#define AGENT_BASE64_H

#include <stddef.h>

/* *ret_bytes is terminated, and freed by the caller. Padding and a last line feed may be there. 0 or -EINVAL. */
int base64_decode(const char *text, char **ret_bytes, size_t *ret_length);

#endif
