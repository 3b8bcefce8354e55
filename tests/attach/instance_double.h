/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that answer every packet with one verdict. */
#ifndef TEST_ATTACH_INSTANCE_DOUBLE_H
#define TEST_ATTACH_INSTANCE_DOUBLE_H

#include <vpc/vpc.h>

enum verdict { PASS, DROP };

/* A program for the direction; every call loads another one. */
struct vpc_instance *load_verdict(enum vpc_direction direction, enum verdict verdict);

#endif
