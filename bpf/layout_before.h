/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the layout before that of datapath_maps.h had: for each key or value which is another now, the structure as it was
 * and the fields that both have. User space takes entries from the one to the other by it, in both directions; a field
 * that is not named here begins as zeros. Maps that are not named here are the same in both layouts, and are kept.
 *
 * VPC_LAYOUT_BEFORE(KEY, VALUE) lists them as KEY(map, structure before, structure now, field), VALUE likewise.
 */
#ifndef VPC_LAYOUT_BEFORE_H
#define VPC_LAYOUT_BEFORE_H

#include "datapath_maps.h"

#define VPC_LAYOUT_BEFORE(KEY, VALUE) /* 1 is the first layout */

#endif
