/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A balancer in namespaces of its own, on one end of a veth, with neighbours that are known:
 *
 *	eth0 (02:00:00:00:00:01)  10.0.0.1/24, 2001:db8:10::1/64
 *	10.0.0.<n>, 2001:db8:10::<n>     02:00:00:00:01:<n> for n of 2 to 254 (n decimal in the IPv4 address, hexadecimal elsewhere)
 */
#ifndef LB_SCENE_H
#define LB_SCENE_H

#include <stdint.h>
#include <vpc/lb.h>

struct lb_scene {
	struct vpc_lb *lb;
	struct vpc_template *template; /* of the balancer's object, on the same maps */
	struct vpc_instance *instance;
	int program; /* descriptor of `balance` */
};

/*
 * `object` is the balancer's program in another form, NULL the library's own. Ends the process with what failed; 77 where
 * namespaces or BPF are not permitted.
 */
void scene_make(const char *object, struct lb_scene *ret_scene);
void scene_free(struct lb_scene *scene);

/* Descriptor of a map of the balancer. */
int scene_map(const struct lb_scene *scene, const char *name);
/* Adds a VIP as people write it. */
struct vpc_lb_service scene_add_vip(struct lb_scene *scene, const char *vip, uint32_t table_size, uint32_t connections, bool affinity);
void scene_set_backend(struct lb_scene *scene, const struct vpc_lb_service *service, const char *address, uint32_t weight, bool draining);
/* IPv4-mapped for IPv4. */
void scene_address(const char *text, uint8_t ret_address[16]);
/* Runs a shell command that must succeed. */
__attribute__((format(printf, 1, 2))) void scene_shell(const char *format, ...);

/* Sends a frame, as frame.h has it, through the program. Returns its action. */
struct frame;
uint32_t scene_send(const struct lb_scene *scene, const char *text, struct frame *ret_out);

#endif
