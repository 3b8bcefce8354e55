/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that answer every packet with one verdict. */
#ifndef TEST_ATTACH_VERDICT_H
#define TEST_ATTACH_VERDICT_H

#include <vpc/vpc.h>

enum verdict { PASS, DROP };

/* Prepares the templates; further calls do nothing. */
void verdict_prepare(void);
/* A program for the direction; every call loads another one. */
struct vpc_instance *load_verdict(enum vpc_direction direction, enum verdict verdict);

#endif
