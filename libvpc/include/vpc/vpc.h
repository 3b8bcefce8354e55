/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvpc: compile an eBPF program once, write values into the finished object, load and attach it.
 *
 * One error contract for all calls: 0 or a count on success, a negative errno on failure. On failure every ret_
 * parameter is untouched, and `error` (may be NULL) says what failed, where, and what to do. The library never prints,
 * exits or aborts, and starts no thread. Objects are not locked: use each from one thread at a time; different objects
 * may be used from different threads, but vpc_template_prepare() must not run while another thread opens or loads a
 * libbpf object, since libbpf's table of program handlers is global.
 *
 * A name, path, text or list that is NULL gives -EINVAL (from functions that return a pointer, NULL), unless the function
 * says what NULL stands for; options and error may always be NULL, but for those of vpc_datapath_open(). Objects, single
 * structures, ret_ parameters and callbacks must be there, and lists as long as their count says.
 *
 * Ownership is in the name: _new and _open give an object that _free takes back; _free accepts NULL and returns NULL.
 * Structures with a leading `size` are extended at their end: set it to sizeof, zero the rest.
 */
#ifndef VPC_VPC_H
#define VPC_VPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VPC_API __attribute__((visibility("default")))

/* Where a failing call says what, where and what to do: one line, no newline, always terminated. */
struct vpc_error {
	char text[512];
};

/* "1.0.0" */
VPC_API const char *vpc_version(void);

/* ---- values ---- */

enum vpc_value_type {
	VPC_VALUE_INTEGER = 1, /* decimal or 0x; an IPv4 address is accepted for 4 bytes (network order), see vpc_value_parse */
	VPC_VALUE_IPV4,
	VPC_VALUE_IPV6,
	VPC_VALUE_MAC,
	VPC_VALUE_BYTES, /* hexadecimal digits, two a byte */
};

#define VPC_VALUE_WIDTH 16

/* A value as it stands in the program's memory: addresses in network byte order, integers in the object's. */
struct vpc_value {
	uint8_t bytes[VPC_VALUE_WIDTH];
	uint8_t width; /* 1 to 16 */
	uint8_t type;  /* enum vpc_value_type in which it was written and is shown again; 0: the parameter's */
};

enum vpc_site {
	VPC_SITE_CONSTANT = 1, /* named constant: an lddw against a symbol of the parameter section */
	VPC_SITE_GLOBAL,       /* variable in .data, .rodata or .bss */
	VPC_SITE_PLACEHOLDER,  /* a chosen constant in the instructions */
};

/* What is known of a parameter. Strings live as long as the template. */
struct vpc_parameter {
	const char *name; /* "x"; ".data:x" or ".data+8:x" (section and offset) where the object has several variables x */
	const char *description; /* "" if none is declared */
	enum vpc_site site;
	enum vpc_value_type type;
	uint16_t width;  /* bytes; of one element if elements > 1 */
	uint16_t elements; /* of an array; 1 otherwise */
	uint64_t lowest, highest; /* inclusive; integers only */
	bool has_default;         /* may be left unset */
	struct vpc_value default_value;
	const char *section;      /* ".data", ".rodata.vpc", ...; "" for placeholders */
	uint32_t offset;          /* in the section */
	uint32_t sites;           /* instructions that use it, over all programs */
};

/*
 * Reads a value as people write it: "4097", "0x1001", "10.0.0.2", "fd00::2", "02:00:00:00:00:01".
 *
 * Integer parameters of 4 bytes also take an IPv4 address, of 16 an IPv6 address, of 6 a MAC: stored in network byte
 * order. Returns 0; -EINVAL if the text is no value of the type; -ERANGE if outside the declared range or width.
 */
VPC_API int vpc_value_parse(const struct vpc_parameter *parameter, const char *text, struct vpc_value *ret_value, struct vpc_error *error);

/* Writes the value as people read it into buffer (64 bytes are always enough). Returns the length, or -ENOSPC. */
VPC_API int vpc_value_format(const struct vpc_parameter *parameter, const struct vpc_value *value, char *buffer, size_t size);

/* One parameter with its value. For array variables: `element` names which; 0 otherwise. */
struct vpc_setting {
	const char *name;
	uint32_t element;
	struct vpc_value value;
};

/* ---- templates ---- */

struct vpc_template;

/* A raw placeholder in an object that others compiled. */
struct vpc_placeholder {
	const char *name;   /* by which it is set */
	uint64_t constant;  /* as the source wrote it, e.g. 0xFEDCBA98 */
	uint8_t width;      /* 4 or 8 bytes; 0: 4 if the constant fits, else 8 */
	int32_t expected;   /* sites that must be found; 0: at least one */
};

struct vpc_template_options {
	size_t size;
	const char *program; /* only this program, what it calls, and the maps that these use; NULL: all */
	const struct vpc_placeholder *placeholders;
	size_t placeholder_count;
};

/* Reads an object; touches neither the kernel nor the file system otherwise. The bytes are copied. */
VPC_API int vpc_template_open_file(const char *path, const struct vpc_template_options *options, struct vpc_template **ret_template, struct vpc_error *error);
VPC_API int vpc_template_open_memory(const char *name, const void *bytes, size_t length, const struct vpc_template_options *options, struct vpc_template **ret_template, struct vpc_error *error);
VPC_API struct vpc_template *vpc_template_free(struct vpc_template *template_);

/*
 * The objects embedded in the library, by the name of their source: "pod" (from_pod, to_pod), "node" (from_vxlan,
 * from_trunk), "steps" (the shared programs), "confine" (drop everything), "portfilter" (the port filter), "lb",
 * "lb_decap" and "lb_decap_tc" (the load balancer, see vpc/lb.h). -ENOENT if there is none of that name.
 */
VPC_API int vpc_template_open_builtin(const char *name, const struct vpc_template_options *options, struct vpc_template **ret_template, struct vpc_error *error);

/* SHA-256 of the object's bytes in hexadecimal, 64 digits and NUL. */
VPC_API const char *vpc_template_hash(const struct vpc_template *template_);
VPC_API const char *vpc_template_name(const struct vpc_template *template_);

VPC_API size_t vpc_template_program_count(const struct vpc_template *template_);
VPC_API const char *vpc_template_program_name(const struct vpc_template *template_, size_t index);
VPC_API const char *vpc_template_program_section(const struct vpc_template *template_, size_t index);

VPC_API size_t vpc_template_parameter_count(const struct vpc_template *template_);
VPC_API const struct vpc_parameter *vpc_template_parameter(const struct vpc_template *template_, size_t index);
/* NULL if there is none of that name. */
VPC_API const struct vpc_parameter *vpc_template_find_parameter(const struct vpc_template *template_, const char *name);

/* Reads "name=value" or "name[3]=value". The setting's name points into the template. */
VPC_API int vpc_template_parse_setting(const struct vpc_template *template_, const char *text, struct vpc_setting *ret_setting, struct vpc_error *error);

/*
 * Writes a copy of the object with the settings in it, loadable by ip, tc and bpftool. The caller frees *ret_bytes with
 * free(). Where one program was chosen (vpc_template_options), only what it uses must be set and is written; the others
 * are left as they are, not to be loaded. -EINVAL if it shares a function that has a parameter with others.
 */
VPC_API int vpc_template_patch(const struct vpc_template *template_, const struct vpc_setting *settings, size_t count, void **ret_bytes, size_t *ret_length, struct vpc_error *error);

enum vpc_direction { VPC_INGRESS = 1, VPC_EGRESS, VPC_XDP };

/* Another number of entries for a map than the object says. */
struct vpc_map_size {
	const char *map;
	uint32_t max_entries;
};

struct vpc_prepare_options {
	size_t size;
	enum vpc_direction direction; /* decides the program type; 0: as the sections say */
	const char *pin_directory;    /* where maps that are pinned by name live; NULL: none is pinned */
	const struct vpc_map_size *map_sizes; /* -ENOENT if the object has no map of that name */
	size_t map_size_count;
};

/*
 * Makes the template's maps, lets libbpf relocate its programs, and keeps their instructions. Once for each template.
 * Needs CAP_BPF and CAP_NET_ADMIN.
 */
VPC_API int vpc_template_prepare(struct vpc_template *template_, const struct vpc_prepare_options *options, struct vpc_error *error);

/* File descriptor of a prepared template's map; the template keeps it. -ENOENT if there is none of that name. */
VPC_API int vpc_template_map_fd(const struct vpc_template *template_, const char *name);

/* ---- instances ---- */

/* A loaded program with its values. */
struct vpc_instance;

/*
 * Copies the program's instructions, writes the settings and loads the copy: all settings or none. Every parameter that
 * the program uses must be set or have a default; globals keep their value. Instances of one template and program with
 * equal values share one loaded program.
 *
 * Errors: -ENOENT unknown program or parameter, -EINVAL missing value or wrong width, -ERANGE out of range, -EILSEQ a
 * value that the encoding of a site cannot carry, or what the kernel said (its verifier's last words are in the error).
 */
VPC_API int vpc_instance_load(struct vpc_template *template_, const char *program, const struct vpc_setting *settings, size_t count, struct vpc_instance **ret_instance, struct vpc_error *error);
VPC_API struct vpc_instance *vpc_instance_free(struct vpc_instance *instance);

VPC_API int vpc_instance_fd(const struct vpc_instance *instance);
VPC_API uint32_t vpc_instance_id(const struct vpc_instance *instance);
VPC_API uint64_t vpc_instance_tag(const struct vpc_instance *instance); /* as the kernel reported it at load, big-endian bytes read as a number */
/* Nanoseconds that copying and patching took before the load that made the program. */
VPC_API uint64_t vpc_instance_patch_time(const struct vpc_instance *instance);
VPC_API const char *vpc_instance_program(const struct vpc_instance *instance);
/* Every setting that is not a default, as "name=value name=value"; lives as long as the instance. */
VPC_API const char *vpc_instance_values(const struct vpc_instance *instance);
VPC_API const struct vpc_template *vpc_instance_template(const struct vpc_instance *instance);

/* ---- attachment ---- */

/*
 * The kernel waits for an RCU grace period (5 to 30 ms) whenever a program is added to tcx or XDP or taken away, though
 * not at a replacement on tcx; on clsact it does not wait. QUICK is for interfaces that must be attached at once: clsact
 * where ours comes first there, tcx where other programs stand on tcx already (which runs first) or ours does.
 */
enum vpc_hook { VPC_HOOK_AUTO, VPC_HOOK_TCX, VPC_HOOK_CLSACT, VPC_HOOK_XDP_NATIVE, VPC_HOOK_XDP_GENERIC, VPC_HOOK_QUICK };

struct vpc_attach_options {
	size_t size;
	enum vpc_hook hook;        /* AUTO: tcx, else clsact; native XDP, else generic. A later call with another hook moves there */
	const char *pin_directory; /* e.g. "/sys/fs/bpf/libvpc/v1"; must be on a bpffs; NULL: "/sys/fs/bpf/libvpc/v<layout>" */
	const char *owner;         /* who holds the hook, "vpcctl" or "agent": another owner's is refused; NULL: "vpcctl" */
};

/* What stands on a hook of ours, as noted at attachment. Also the pinned record. */
struct vpc_attachment {
	uint32_t ifindex;
	enum vpc_direction direction;
	enum vpc_hook hook;
	uint32_t program_id;
	uint64_t program_tag;
	char owner[16];
	char program[32];
	char template_hash[65];
	char values[512]; /* "name=value name=value ..." */
};

/*
 * Attaches the instance, or replaces what this owner attached there before, at the head of the chain; programs of
 * others stay and still run. No packet passes unfiltered during a replacement. The result is read back and compared.
 *
 * Errors: -EBUSY another owner of libvpc holds the hook, or a foreign program ahead cannot be passed; -ENODEV no such
 * interface; -ENOTSUP the hook is not there, or the pin directory is on no bpffs; -EIO what was read back differs;
 * -ETIMEDOUT another process holds the lock of the pin directory for ten seconds.
 */
VPC_API int vpc_attach(const struct vpc_instance *instance, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options, struct vpc_error *error);

/* Removes what this owner attached. -ENOENT if nothing is attached. */
VPC_API int vpc_detach(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options, struct vpc_error *error);

/*
 * Compares what is attached with what was noted. Returns 0 if it stands at its place with the noted id and tag;
 * -ENOENT never attached or removed by somebody; -ESTALE another program or not at the head any more.
 */
VPC_API int vpc_attachment_check(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options, struct vpc_attachment *ret_attachment, struct vpc_error *error);

/*
 * Calls visit for every attachment in the caller's network namespace that is recorded below the pin directory, until it
 * returns non-zero, which is returned. What was left by interfaces that vanished is removed meanwhile.
 */
VPC_API int vpc_attachment_each(const struct vpc_attach_options *options, int (*visit)(const struct vpc_attachment *attachment, void *context), void *context, struct vpc_error *error);

/* ---- a node's datapath ---- */

enum vpc_encapsulation { VPC_VXLAN = 1, VPC_VLAN = 2 };

struct vpc_datapath;

struct vpc_datapath_options {
	size_t size;
	const char *pin_directory;  /* NULL: "/sys/fs/bpf/libvpc/v<layout>" */
	uint32_t uplink_ifindex;
	uint8_t underlay[16];       /* this node's underlay address, IPv4-mapped for IPv4 */
	uint16_t udp_port;          /* VXLAN; 0: 14789 */
	const char *vxlan_device;   /* NULL: "libvpc-vxlan" */
	uint32_t flow_entries;      /* 0: 65536; counts when the maps are made, pinned ones keep their size */
};

/*
 * Opens the datapath of this node (network namespace): finds what is pinned or makes it, makes the VXLAN device, and
 * attaches from_vxlan there and from_trunk to the uplink. A restart finds everything in place and changes nothing.
 *
 * Pins of the layout before this library's are taken over under traffic, with all that is remembered, and removed; those
 * of a newer one only if they were released (below). -EPROTO: pins of another layout, which were left as they are.
 */
VPC_API int vpc_datapath_open(const struct vpc_datapath_options *options, struct vpc_datapath **ret_datapath, struct vpc_error *error);
/* Releases memory and descriptors; the kernel state stays. */
VPC_API struct vpc_datapath *vpc_datapath_free(struct vpc_datapath *datapath);
/* The layout whose pins were taken over when the datapath was opened; 0: none. */
VPC_API uint32_t vpc_datapath_migrated_from(const struct vpc_datapath *datapath);
/*
 * Lets the version with the layout before this library's take over the pins (NULL: the default directory) when it opens
 * its datapath next: the way back from an upgrade. Until then nothing changes. -EINVAL another layout, -ENOENT no pins.
 */
VPC_API int vpc_datapath_release(const char *pin_directory, uint32_t layout, struct vpc_error *error);
/* Removes all kernel state of this node: programs, pins, VXLAN device. */
VPC_API int vpc_datapath_remove(struct vpc_datapath *datapath, struct vpc_error *error);

/* A Pod on this node. Addresses: zeros if it has none of that family; at most VPC_POD_NEXT_HOPS gateways. */
#define VPC_POD_NEXT_HOPS 8
struct vpc_pod {
	uint32_t ifindex; /* host side of its veth */
	enum vpc_encapsulation encapsulation;
	uint32_t network_id; /* VNI or VLAN ID */
	uint8_t mac[6];
	uint8_t host_mac[6];
	uint8_t ipv4[4];
	uint8_t ipv6[16];
	uint32_t mtu; /* 0: from the uplink and the encapsulation */
	uint8_t next_hops[VPC_POD_NEXT_HOPS][16]; /* IPv4-mapped for IPv4 */
	uint32_t next_hop_count;
};

/* How long the steps of an injection took, nanoseconds. */
struct vpc_timing {
	uint64_t patch, load, attach, total;
};

/*
 * Writes the Pod's constants into its programs, attaches them, reads them back, and makes it a member. Order: programs
 * first, membership last. Repeating it with the same values changes nothing. ret_timing may be NULL.
 */
VPC_API int vpc_datapath_put_pod(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_timing *ret_timing, struct vpc_error *error);
/* Programs that drop everything, for a Pod that must not have a network (yet). */
VPC_API int vpc_datapath_confine(struct vpc_datapath *datapath, uint32_t ifindex, struct vpc_error *error);
/* Removes membership first, then programs, pins, flows and records. Works when the interface is gone already. 0 if there was nothing. */
VPC_API int vpc_datapath_delete_pod(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error);
/* 0 if the Pod's programs and entries are as put; else as vpc_attachment_check(). */
VPC_API int vpc_datapath_check_pod(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error);
/* Every Pod found in the kernel's records. */
VPC_API int vpc_datapath_each_pod(struct vpc_datapath *datapath, int (*visit)(const struct vpc_pod *pod, void *context), void *context, struct vpc_error *error);

/* A member of a VPC on another node. */
struct vpc_remote {
	enum vpc_encapsulation encapsulation;
	uint32_t network_id;
	uint8_t address[16];  /* IPv4-mapped for IPv4 */
	uint8_t node[16];     /* underlay address of its node */
	uint8_t mac[6];
	uint8_t node_mac[6];  /* of the node's uplink */
};

/*
 * Makes the remote members of one network exactly these: adds, changes and removes what differs, additions first. Only
 * networks with a Pod here need it; count 0 removes all.
 */
VPC_API int vpc_datapath_set_remotes(struct vpc_datapath *datapath, enum vpc_encapsulation encapsulation, uint32_t network_id, const struct vpc_remote *remotes, size_t count, struct vpc_error *error);
/* Makes the known nodes exactly these underlay addresses (16 bytes each). */
VPC_API int vpc_datapath_set_nodes(struct vpc_datapath *datapath, const uint8_t (*addresses)[16], size_t count, struct vpc_error *error);
/* Makes the local addresses exactly these (for probes). The caller follows address changes. */
VPC_API int vpc_datapath_set_node_addresses(struct vpc_datapath *datapath, const uint8_t (*addresses)[16], size_t count, struct vpc_error *error);

/* One line of `allow` or `allowFrom`. */
struct vpc_rule_spec {
	bool from;            /* allowFrom */
	uint8_t address[16];  /* IPv4-mapped for IPv4 */
	uint8_t prefix;       /* bits of the family: 0 to 32 or 128 */
	bool is_ipv4;
	uint8_t protocol;     /* IPPROTO_*; 0: all */
	uint16_t first_port, last_port; /* 0, 65535: all */
};
/*
 * Makes the rules of one network exactly these; a packet meets either the old rules or the new ones for each prefix.
 * Remembered flows that no rule allows any more are forgotten.
 */
VPC_API int vpc_datapath_set_rules(struct vpc_datapath *datapath, enum vpc_encapsulation encapsulation, uint32_t network_id, const struct vpc_rule_spec *rules, size_t count, struct vpc_error *error);

/*
 * Compares programs and pins of the node itself (from_vxlan, from_trunk, steps) and repairs; returns the number of repairs.
 * -EPROTO: another version has taken over meanwhile, to whom everything is left.
 */
VPC_API int vpc_datapath_repair(struct vpc_datapath *datapath, struct vpc_error *error);

/*
 * Removes remembered flows, fragments and path sizes that are over and that no packet meets again. Looks at no more than
 * `budget` flows, and goes on from there at the next call; call it about once a second. Returns the number removed. The
 * numbers of flows by which quotas are judged are corrected where they were found wrong, by the same, at two rounds in turn.
 */
VPC_API int vpc_datapath_sweep(struct vpc_datapath *datapath, uint32_t budget, struct vpc_error *error);

/* ---- counters ---- */

struct vpc_drop {
	enum vpc_encapsulation encapsulation; /* 0 if the network is not known */
	uint32_t network_id;
	const char *reason;      /* "FOREIGN_MAC" */
	const char *description;
	uint64_t count;
};
/* pin_directory NULL: the default. */
VPC_API int vpc_drops_each(const char *pin_directory, int (*visit)(const struct vpc_drop *drop, void *context), void *context, struct vpc_error *error);

/* ---- port filter ---- */

enum vpc_port_flag {
	VPC_PORT_PUBLIC = 1, /* passes */
	VPC_PORT_SOCKET = 2, /* goes to the AF_XDP socket of its receive queue; without one, it passes if public, else it is dropped */
};

struct vpc_port {
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP; another one: the protocol itself, without a port */
	uint16_t port;    /* 1 to 65535; 0 for other protocols */
	uint8_t flags;    /* VPC_PORT_* */
};

/* Where filters and their attachments are pinned, if no other directory is named. */
#define VPC_PORT_FILTER_DIRECTORY "/sys/fs/bpf/libvpc/filter"

struct vpc_port_filter_options {
	size_t size;
	const struct vpc_port *ports; /* all that are open from now on; at least one. A port named twice has the flags of both */
	size_t port_count;
	enum vpc_hook hook;           /* AUTO, XDP_NATIVE or XDP_GENERIC */
	bool offload;                 /* into the device: -ENOTSUP, saying what it lacks */
	const char *pin_directory;    /* NULL: VPC_PORT_FILTER_DIRECTORY */
	uint16_t first_reply, last_reply; /* ports that UDP replies come to; 0, 0: net.ipv4.ip_local_port_range; first > last: none */
	uint64_t confirm_within;      /* nanoseconds after which what was before is back, unless confirmed; 0: needs none */
	uint32_t holder;              /* the process that keeps it by vpc_port_filter_hold() within that time, again and again; 0: none */
};

/*
 * Attaches the port filter to XDP of the interface, or changes the one that stands there; no packet passes unfiltered
 * meanwhile, and ports that stay open stay so. What passes besides open ports: portfilter.md. The deadline of
 * confirm_within is watched by the program itself: it needs no process that lives.
 *
 * Errors: -EINVAL no port, or one that is none; -EACCES CAP_PERFMON is missing; others as those of vpc_attach().
 */
VPC_API int vpc_port_filter_attach(uint32_t ifindex, const struct vpc_port_filter_options *options, struct vpc_error *error);
/* Removes it with its ports and counters; everything passes. -ENOENT if there is none, -EBUSY if another tool loaded it. */
VPC_API int vpc_port_filter_detach(uint32_t ifindex, const char *pin_directory, struct vpc_error *error);

struct vpc_port_filter;

/*
 * The filter on an interface, also one that another tool loaded (`ip link set dev IF xdp object portfilter.bpf.o`), which
 * needs CAP_SYS_ADMIN. -ENOENT if there is none. One that nobody confirmed in time is first taken back for good.
 */
VPC_API int vpc_port_filter_open(uint32_t ifindex, const char *pin_directory, struct vpc_port_filter **ret_filter, struct vpc_error *error);
VPC_API struct vpc_port_filter *vpc_port_filter_free(struct vpc_port_filter *filter);

struct vpc_port_filter_state {
	enum vpc_hook hook;   /* AUTO: another tool attached it */
	uint32_t program_id;
	bool waits;           /* for confirmation, or for its holder */
	uint64_t time_left;   /* nanoseconds, if it waits */
	uint32_t holder;
	uint16_t first_reply, last_reply; /* first > last: none */
};
VPC_API void vpc_port_filter_describe(const struct vpc_port_filter *filter, struct vpc_port_filter_state *ret_state);
/* Every open port by number, TCP, UDP, then other protocols, until visit returns non-zero, which is returned. */
VPC_API int vpc_port_filter_each_port(const struct vpc_port_filter *filter, int (*visit)(const struct vpc_port *port, void *context), void *context);

struct vpc_port_filter_count {
	const char *verdict;     /* "PUBLIC" */
	const char *description;
	const char *action;      /* "pass", "redirect" or "drop" */
	uint64_t packets;
};
VPC_API int vpc_port_filter_each_count(const struct vpc_port_filter *filter, int (*visit)(const struct vpc_port_filter_count *count, void *context), void *context, struct vpc_error *error);

/* Adds the flags of each. */
VPC_API int vpc_port_filter_open_ports(struct vpc_port_filter *filter, const struct vpc_port *ports, size_t count, struct vpc_error *error);
/* Closes each, whatever its flags. -EINVAL if none would stay open: nothing is closed then. */
VPC_API int vpc_port_filter_close_ports(struct vpc_port_filter *filter, const struct vpc_port *ports, size_t count, struct vpc_error *error);
/* It stays. -EALREADY if it did not wait, -EBUSY if it lasts as long as its holder. */
VPC_API int vpc_port_filter_confirm(struct vpc_port_filter *filter, struct vpc_error *error);
/* Moves the deadline so far ahead. -ESTALE if the filter has another holder by now, or none. */
VPC_API int vpc_port_filter_hold(struct vpc_port_filter *filter, uint32_t holder, uint64_t nanoseconds, struct vpc_error *error);
/* Descriptor of the map that takes AF_XDP sockets by receive queue (0 to 255); the filter keeps it. */
VPC_API int vpc_port_filter_socket_map(const struct vpc_port_filter *filter);

/* How full a map is. Members, flows and the like that find no room are refused, never let through. */
struct vpc_map_usage {
	const char *name; /* "members", "flows" */
	uint32_t entries, max_entries;
};
/*
 * Calls visit for every map of the node's datapath that can fill, until it returns non-zero, which is returned. Counts the
 * entries: some milliseconds for a full map. pin_directory NULL: the default.
 */
VPC_API int vpc_map_usage_each(const char *pin_directory, int (*visit)(const struct vpc_map_usage *usage, void *context), void *context, struct vpc_error *error);

/* ---- what this machine can do ---- */

enum vpc_finding { VPC_FINE, VPC_WARNING, VPC_FAILURE };

/* What cannot be done as long as a check finds what it found; bits. */
enum vpc_use {
	VPC_USE_ATTACH = 1 << 0, /* vpc_attach() to ingress and egress */
	VPC_USE_XDP = 1 << 1,    /* vpc_attach() to XDP */
	VPC_USE_VPCS = 1 << 2,   /* vpc_datapath_open(), and an agent on it */
};

/* What one check found. Strings live as long as the call of visit. */
struct vpc_check {
	const char *name;    /* "bpffs": the same in all versions. A check may tell several things, each in a call of its own */
	enum vpc_finding finding;
	bool missing;        /* a feature is not there; a warning or failure only if something needs it */
	const char *found;   /* one sentence */
	const char *instead; /* of a missing feature: what is used instead, or still works; else "" */
	const char *remedy;  /* of warnings and failures: what to do; else "" */
	uint32_t prevents;   /* VPC_USE_* */
};

struct vpc_probe_options {
	size_t size;
	const char *pin_directory; /* NULL: the default, as for vpc_attach() */
	uint32_t uplink_ifindex;   /* 0: the interface of the default route */
	uint16_t udp_port;         /* VXLAN; 0: 14789 */
	const char *vxlan_device;  /* NULL: "libvpc-vxlan" */
};

/*
 * Tries what the library needs of kernel, permissions, mounts and network, and tells what it found, until visit returns
 * non-zero, which is returned. Features are tried, versions never compared. What is tried is closed again, hooks and
 * devices are made in a network namespace of its own, which the calling thread enters and leaves; nothing stays. Like
 * vpc_template_prepare(), it must not run while another thread opens or loads a libbpf object.
 */
VPC_API int vpc_probe(const struct vpc_probe_options *options, int (*visit)(const struct vpc_check *check, void *context), void *context, struct vpc_error *error);

#ifdef __cplusplus
}
#endif
#endif
