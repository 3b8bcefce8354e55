/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_ERROR_H
#define CNI_ERROR_H

/* Error codes of the CNI specification 1.1, and from 100 on our own. */
enum cni_code {
	CNI_INCOMPATIBLE_VERSION = 1,
	CNI_INVALID_ENVIRONMENT = 4,
	CNI_IO_FAILURE = 5,
	CNI_UNDECODABLE = 6,
	CNI_INVALID_CONFIGURATION = 7,
	CNI_TRY_AGAIN = 11,
	CNI_NOT_AVAILABLE = 50, /* STATUS only */
	CNI_BROKEN_REPLY = 100, /* the agent's reply is cut or makes no sense */
	CNI_MTU_NOT_SET = 101,
};

/* Where a failing call says what, where and what to do: one line, always terminated. */
struct cni_error {
	char text[512];
};

/* Formats the message and returns the code, so that callers fail in one line. The code's meaning is the caller's: a negative errno or an enum cni_code. */
__attribute__((format(printf, 3, 4)))
int cni_fail(struct cni_error *error, int code, const char *format, ...);

#endif
