/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks of backends, by libcurl: TCP connections and HTTP requests, many at once, without a thread. */
#ifndef VPCCTL_LB_CHECK_H
#define VPCCTL_LB_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <vpc/lb.h>

enum lb_check_kind { LB_CHECK_DEFAULT, LB_CHECK_NONE, LB_CHECK_TCP, LB_CHECK_HTTP };

struct lb_check {
	enum lb_check_kind kind;
	uint16_t port;   /* 0: the VIP's */
	char path[192];  /* HTTP: "/health" */
	uint32_t status; /* HTTP: the one expected; 0: any of 200 to 399 */
	uint32_t every, fall, rise; /* seconds; checks in a row */
};

/* Reads "tcp:8080", "http:8080/health=204", "none". 0 or -EINVAL. */
int lb_check_parse(const char *text, struct lb_check *ret_check, struct vpc_error *error);

struct lb_checks;

/* *ret_change: what a check found; the backend's new state is to be written. */
struct lb_check_change {
	struct vpc_lb_service service;
	uint8_t address[16];
	bool down;
	char reason[128];
};

struct lb_checks *lb_checks_new(const struct lb_check *check);
struct lb_checks *lb_checks_free(struct lb_checks *checks);

/* Starts a check of the backend unless one runs. `down` is its present state. 0 or -ENOMEM. */
int lb_checks_start(struct lb_checks *checks, const struct vpc_lb_service *service, const uint8_t address[16], bool down);
/* Forgets backends that were not started since the last call of this. */
void lb_checks_forget_others(struct lb_checks *checks);

/* Waits until a check ends, the descriptor is readable or the time is over. */
void lb_checks_wait(struct lb_checks *checks, int fd, int milliseconds);
/* The next change of state that checks have led to; false if there is none. */
bool lb_checks_next_change(struct lb_checks *checks, struct lb_check_change *ret_change);

#endif
