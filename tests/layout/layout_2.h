/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Included before everything else where tests build layout 2. */
#ifndef VPC_LAYOUT_2_H
#define VPC_LAYOUT_2_H

#define VPC_LAYOUT_VERSION 2
#define VPC_LAYOUT_TEST_FIELD __u64 test;

#endif
