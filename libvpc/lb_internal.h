/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the balancer's user space share. Whoever reads or changes records holds the lock. */
#ifndef VPC_LB_INTERNAL_H
#define VPC_LB_INTERNAL_H

#include <linux/types.h>
#include <vpc/lb.h>

#include "cleanup.h"
#include "error.h"
#include "lb_maps.h"
#include "lb_next_hop.h"
#include "pins.h"

struct vpc_lb {
	struct vpc_pins pins;
	char directory[256], attach_directory[256];
	char interface[16];
	uint32_t ifindex;
	struct vpc_template *template;
	struct lb_vip_record *vips;         /* LB_VIPS of them; pinned, shared memory */
	struct lb_backend_record *backends; /* LB_BACKENDS of them; the same */
	int vips4, vips6, connections4, connections6, tables, backends_fd, traffic, counts, settings; /* of the template */
};

/* Where the maps of a kind ("lb", "lb_decap") on an interface stand, and where attachments do. */
int vpc_lb_find_place(const char *kind, const char *interface, const char *pin_directory, uint32_t *ret_ifindex,
	char ret_directory[static 256], char ret_attach_directory[static 256], struct vpc_error *error);
/* Removes the pins of that directory, whatever their names, and the directory. */
void vpc_lb_remove_pins(const struct vpc_pins *pins);

/* Takes the balancer's lock; -ESTALE if it was destroyed meanwhile. */
int vpc_lb_lock(struct vpc_lb *lb, struct vpc_error *error);
static inline void vpc_lb_unlock(struct vpc_lb **lb) {
	if (*lb)
		vpc_pins_unlock(&(*lb)->pins);
}
#define LB_LOCKED(lb_, error_) \
	_cleanup_(vpc_lb_unlock) struct vpc_lb *locked_ = NULL; \
	do { \
		int result_ = vpc_lb_lock(lb_, error_); \
		if (result_) \
			return result_; \
		locked_ = (lb_); \
	} while (0)

bool vpc_lb_is_ipv4(const void *address);
#define VPC_LB_ADDRESS_TEXT 46
const char *vpc_lb_address_format(const void *address, char text[static VPC_LB_ADDRESS_TEXT]);

/* Slot of the VIP, or -ENOENT with an error that names it. */
int vpc_lb_find_vip(struct vpc_lb *lb, const struct vpc_lb_service *service, struct vpc_error *error);
struct vpc_lb_service vpc_lb_service_of(const struct lb_vip_record *record);

/* Brings table and slots of a VIP's backends to what the records say, in an order in which no flow meets a closed door. */
int vpc_lb_apply(struct vpc_lb *lb, uint32_t vip, struct vpc_error *error);
/* Empties the slots of all backends of a VIP. */
int vpc_lb_drop_backends(struct vpc_lb *lb, uint32_t vip, struct vpc_error *error);

/* Says which map could not be written or read, and why; returns code. */
int vpc_lb_map_failed(const struct vpc_lb *lb, const char *map, int code, struct vpc_error *error);

#endif
