/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As much of eBPF for Windows' header of that name as the balancer needs, by its documentation: numbers of helpers and map
 * types, and macros. What Linux alone has is missing, so that using it does not compile.
 */
#ifndef STAND_IN_BPF_HELPERS_H
#define STAND_IN_BPF_HELPERS_H

typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef long long int64_t;

#define __uint(name_, value_) int(*name_)[value_]
#define __type(name_, type_) typeof(type_) *name_
#define __array(name_, template_) typeof(template_) *name_[]
#define SEC(name_) __attribute__((section(name_), used))

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 5,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 7,
	BPF_MAP_TYPE_LRU_HASH = 8,
	BPF_MAP_TYPE_RINGBUF = 13,
};
enum { LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME };
enum { BPF_ANY, BPF_NOEXIST, BPF_EXIST };

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static int64_t (*const bpf_map_update_elem)(void *map, const void *key, const void *value, uint64_t flags) = (void *)2;
static int64_t (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static uint64_t (*const bpf_ktime_get_ns)(void) = (void *)9;
static int (*const bpf_ringbuf_output)(void *ring, const void *data, uint64_t size, uint64_t flags) = (void *)11;

#endif
