/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the balancer have in common. */
#ifndef VPCCTL_LB_VERBS_H
#define VPCCTL_LB_VERBS_H

#include "../cleanup.h"
#include "command_line.h"

#include <vpc/lb.h>

static inline void free_lb(struct vpc_lb **lb) {
	vpc_lb_free(*lb);
}

/* VIPs and backends as the command line names them. */
struct lb_wanted {
	struct vpc_lb_vip vips[MOST_REPEATED];
	size_t vip_count;
	struct vpc_lb_backend backends[MOST_REPEATED];
	size_t backend_count;
};

/* Reads --vip, --backend and what they may be. 0, or -EINVAL with an error that names the option. */
int lb_read_wanted(const struct command_line *command_line, struct lb_wanted *ret_wanted, struct vpc_error *error);
int lb_open(const struct command_line *command_line, bool must_exist, struct vpc_lb **ret_lb, struct vpc_error *error);

/* Waits a moment for the next hops of backends that were just added, and warns on stderr of those that stay unknown. */
int lb_wait_for_next_hops(struct vpc_lb *lb, struct vpc_error *error);

/* "10.0.0.11" or "2001:db8::11" as an IPv4-mapped or IPv6 address. */
int lb_parse_address(const char *option, const char *text, uint8_t ret_address[16], struct vpc_error *error);
#define LB_ADDRESS_TEXT 46
const char *lb_format_address(const uint8_t address[16], char text[LB_ADDRESS_TEXT]);

/* A decimal number of lowest to highest, or the default if the option is not given. */
int lb_read_number(const struct command_line *command_line, enum option_index option, const char *name, uint32_t lowest, uint32_t highest,
	uint32_t default_, uint32_t *ret_number, struct vpc_error *error);

#endif
