/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bpf() commands about links, chains and pins, with a layout of their own: headers of 6.1 and libbpf 1.1 know nothing
 * of tcx (kernel 6.6). What is missing in older headers is defined here and nowhere else. Layouts and numbers are those
 * of include/uapi/linux/bpf.h; a kernel that knows less accepts the longer structure as long as its tail is zero.
 *
 * All calls return a negative errno on failure.
 */
#ifndef VPC_BPF_SYSCALL_H
#define VPC_BPF_SYSCALL_H

#include <stdint.h>

enum {
	VPC_BPF_ATTACH_XDP = 37,
	VPC_BPF_ATTACH_TCX_INGRESS = 46,
	VPC_BPF_ATTACH_TCX_EGRESS = 47,
};

enum {
	VPC_BPF_LINK_XDP = 6,
	VPC_BPF_LINK_TCX = 11,
};

#define VPC_BPF_BEFORE (1u << 3) /* BPF_F_BEFORE; without a relative program or link: at the head */
#define VPC_BPF_CHAIN_LIMIT 64   /* programs that the kernel holds on one tcx hook (BPF_MPROG_MAX) */

/* Programs of a tcx hook in the order in which they run. */
struct vpc_bpf_chain {
	uint32_t count;
	uint64_t revision; /* changes with every change of the chain */
	uint32_t program_ids[VPC_BPF_CHAIN_LIMIT];
	uint32_t link_ids[VPC_BPF_CHAIN_LIMIT]; /* 0 for programs that stand without a link */
};

/* What the kernel tells of a tcx or XDP link. */
struct vpc_bpf_link {
	uint32_t type;        /* VPC_BPF_LINK_* */
	uint32_t id;
	uint32_t program_id;
	uint32_t ifindex;     /* 0: dead, since the interface is gone or somebody detached the link */
	uint32_t attach_type; /* VPC_BPF_ATTACH_*; tcx only */
};

/* Returns a file descriptor (close-on-exec) of the new link. flags: VPC_BPF_BEFORE for tcx, XDP_FLAGS_* for XDP. */
int vpc_bpf_link_create(int program_fd, uint32_t ifindex, uint32_t attach_type, uint32_t flags);
/* Exchanges the program in one step; no packet meets neither. */
int vpc_bpf_link_update(int link_fd, int program_fd);
/* Takes the link off its hook at once; closing its last descriptor may do so later. */
int vpc_bpf_link_detach(int link_fd);
int vpc_bpf_link_info(int link_fd, struct vpc_bpf_link *ret_link);

/*
 * Reads id and tag (big-endian bytes read as a number) of the link's program from the descriptor's fdinfo, which needs no
 * capability, where a descriptor of the program itself would need CAP_SYS_ADMIN.
 */
int vpc_bpf_link_program(int link_fd, uint32_t *ret_id, uint64_t *ret_tag);

/* -EINVAL where the kernel has no tcx. */
int vpc_bpf_chain_query(uint32_t ifindex, uint32_t attach_type, struct vpc_bpf_chain *ret_chain);

/* Type (enum bpf_prog_type), id and tag of a program. The outputs may be NULL. */
int vpc_bpf_program_info(int program_fd, uint32_t *ret_type, uint32_t *ret_id, uint64_t *ret_tag);

int vpc_bpf_pin(int fd, const char *path);
/* Returns a file descriptor (close-on-exec) of what is pinned there. */
int vpc_bpf_get(const char *path);

#endif
