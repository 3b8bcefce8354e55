// SPDX-License-Identifier: Apache-2.0
#include "local_addresses.h"
#include "../cleanup.h"
#include "text.h"

#include <string.h>

static int compare(const struct local_address *a, const struct local_address *b) {
	int order = memcmp(a->address, b->address, sizeof a->address);
	if (!order)
		order = (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
	return order ? order : a->prefix - b->prefix;
}

/* The place of the first that is not lower. */
static size_t find_place(const struct local_addresses *addresses, const struct local_address *one) {
	size_t low = 0, high = addresses->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&addresses->items[middle], one) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct local_addresses *addresses, size_t place, const struct local_address *one) {
	return place < addresses->count && compare(&addresses->items[place], one) == 0;
}

static bool add(struct local_addresses *addresses, const struct local_address *one) {
	size_t place = find_place(addresses, one);
	if (is_at(addresses, place, one))
		return false;
	if (addresses->count == addresses->room) {
		addresses->room = addresses->room ? addresses->room * 2 : 16;
		addresses->items = reallocate(addresses->items, addresses->room * sizeof *addresses->items);
	}
	memmove(addresses->items + place + 1, addresses->items + place, (addresses->count++ - place) * sizeof *addresses->items);
	addresses->items[place] = *one;
	return true;
}

static bool take_out(struct local_addresses *addresses, const struct local_address *one) {
	size_t place = find_place(addresses, one);
	if (!is_at(addresses, place, one))
		return false;
	addresses->count--;
	memmove(addresses->items + place, addresses->items + place + 1, (addresses->count - place) * sizeof *addresses->items);
	return true;
}

static bool take_out_interface(struct local_addresses *addresses, uint32_t ifindex) {
	size_t kept = 0, before = addresses->count;
	for (size_t i = 0; i < before; i++)
		if (addresses->items[i].ifindex != ifindex)
			addresses->items[kept++] = addresses->items[i];
	addresses->count = kept;
	return kept != before;
}

static struct local_address address_of(const struct link_change *change) {
	struct local_address one = {.prefix = change->prefix, .ifindex = change->ifindex};
	memcpy(one.address, change->address, sizeof one.address);
	return one;
}

static void note(void *context, const struct link_change *change) {
	const struct local_address one = address_of(change);
	add(context, &one);
}

int local_addresses_read(struct local_addresses *addresses) {
	addresses->count = 0;
	int result = addresses_each(note, addresses);
	addresses->known = result == 0;
	return result;
}

bool local_addresses_follow(struct local_addresses *addresses, const struct link_change *change) {
	const struct local_address one = address_of(change);
	switch (change->kind) {
	case LINK_GOT_ADDRESS: return add(addresses, &one);
	case LINK_LOST_ADDRESS: return take_out(addresses, &one);
	case LINK_GONE: return take_out_interface(addresses, change->ifindex);
	case LINK_CHANGED: return false;
	case LINK_CHANGES_LOST: addresses->known = false;
	}
	return true;
}

uint8_t (*local_addresses_list(const struct local_addresses *addresses, size_t *ret_count))[16] {
	uint8_t(*list)[16] = addresses->count ? allocate(addresses->count * sizeof *list) : NULL;
	size_t count = 0;
	for (size_t i = 0; i < addresses->count; i++)
		if (!count || memcmp(list[count - 1], addresses->items[i].address, sizeof *list))
			memcpy(list[count++], addresses->items[i].address, sizeof *list);
	*ret_count = count;
	return list;
}
