/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Named constants of a template: values that are written into a copy of the compiled instructions.
 *
 * A parameter is a variable in a section of its own, which no program reads from memory: each use is one `lddw` that
 * names the variable's symbol, so that the object file says where the value belongs, and the compiler cannot fold,
 * split or merge it. The loader turns each such `lddw` into a plain constant; the section itself never becomes a map.
 *
 * What is known of a parameter (type, range, whether it may be left out, a sentence about it) stands in its BTF
 * declaration tag, beside the declaration, and is read from there by the library, the command and the documentation.
 *
 *	VPC_PARAMETER(__u32, network_id, "type=integer;range=2..16777215;text=VXLAN network identifier");
 *	VPC_PARAMETER(vpc_ipv6, pod_ipv6, "type=ipv6;default=::;text=the Pod's IPv6 address, :: if it has none");
 *	...
 *	key.tunnel_id = VPC_CONSTANT(network_id);
 *	low = VPC_CONSTANT_AT(pod_ipv6, 0), high = VPC_CONSTANT_AT(pod_ipv6, 8);
 *
 * Tag: `key=value` pairs joined by `;`. Keys: type (integer, ipv4, ipv6, mac, bytes), range (LOW..HIGH, integers only,
 * decimal or 0x), default (as people write the value; without it the parameter must be set), text (last; may hold any
 * character but NUL).
 */
#ifndef VPC_PARAMETER_H
#define VPC_PARAMETER_H

#define VPC_PARAMETER_SECTION ".rodata.vpc"

#define VPC_PARAMETER(type_, name_, tag_) \
	const volatile type_ name_ __attribute__((section(VPC_PARAMETER_SECTION), used, aligned(8), btf_decl_tag("vpc:" tag_))) = {0}

/* Up to eight bytes of the parameter from the given offset on, zero-extended to 64 bits, in the order of memory. */
#define VPC_CONSTANT_AT(name_, offset_) ({ \
	unsigned long long constant_; \
	asm("%0 = " #name_ " + " #offset_ " ll" : "=r"(constant_)); \
	constant_; \
})
#define VPC_CONSTANT(name_) VPC_CONSTANT_AT(name_, 0)

#endif
