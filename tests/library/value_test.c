// SPDX-License-Identifier: Apache-2.0
#include "scene.h"

#define INTEGER(width_, lowest_, highest_) \
	{.name = "p", .type = VPC_VALUE_INTEGER, .width = width_, .elements = 1, .lowest = lowest_, .highest = highest_}
#define TYPED(type_, width_) {.name = "p", .type = type_, .width = width_, .elements = 1}

static const struct vpc_parameter VNI = INTEGER(4, 2, 16777215), U8 = INTEGER(1, 0, 255), U16 = INTEGER(2, 0, 65535),
	U32 = INTEGER(4, 0, UINT32_MAX);
static const struct vpc_parameter U64 = INTEGER(8, 0, UINT64_MAX), U48 = INTEGER(6, 0, (1ull << 48) - 1), U128 = INTEGER(16, 0, UINT64_MAX);
static const struct vpc_parameter IPV4 = TYPED(VPC_VALUE_IPV4, 4), IPV6 = TYPED(VPC_VALUE_IPV6, 16), MAC = TYPED(VPC_VALUE_MAC, 6);
static const struct vpc_parameter BYTES3 = TYPED(VPC_VALUE_BYTES, 3), BYTES16 = TYPED(VPC_VALUE_BYTES, 16);
static const struct vpc_parameter NO_TYPE = TYPED(99, 4), NO_WIDTH = TYPED(VPC_VALUE_BYTES, 0), TOO_WIDE = TYPED(VPC_VALUE_BYTES, 17);

static const struct {
	const char *description;
	const struct vpc_parameter *parameter;
	const char *text;
	int result;
	const char *bytes; /* expected where parsing succeeds */
	const char *says;  /* what it is printed as; or what the message must contain */
} CASES[] = {
	/* description                 parameter text                    result   bytes                               says */
	{"decimal",                     &VNI,    "4097",                  0,       "\x01\x10\0",                       "4097"},
	{"hexadecimal",                 &VNI,    "0x1001",                0,       "\x01\x10\0",                       "4097"},
	{"leading zero is no octal",    &VNI,    "010",                   0,       "\x0a\0\0",                         "10"},
	{"lowest",                      &VNI,    "2",                     0,       "\x02\0\0",                         "2"},
	{"highest",                     &VNI,    "16777215",              0,       "\xff\xff\xff",                     "16777215"},
	{"below the lowest",            &VNI,    "1",                     -ERANGE, NULL,                               "2 to 16777215"},
	{"above the highest",           &VNI,    "16777216",              -ERANGE, NULL,                               "p: "},
	{"larger than 64 bits",         &VNI,    "99999999999999999999",  -ERANGE, NULL,                               "2 to 16777215"},
	{"hexadecimal beyond 64 bits",  &U64,    "0x10000000000000000",   -ERANGE, NULL,                               "p: "},
	{"negative",                    &VNI,    "-1",                    -EINVAL, NULL,                               "'-1'"},
	{"plus sign",                   &VNI,    "+5",                    -EINVAL, NULL,                               "'+5'"},
	{"leading blank",               &VNI,    " 12",                   -EINVAL, NULL,                               "' 12'"},
	{"trailing blank",              &VNI,    "12 ",                   -EINVAL, NULL,                               "'12 '"},
	{"empty",                       &VNI,    "",                      -EINVAL, NULL,                               "p: "},
	{"trailing garbage",            &VNI,    "12x",                   -EINVAL, NULL,                               "'12x'"},
	{"only a prefix",               &VNI,    "0x",                    -EINVAL, NULL,                               "'0x'"},
	{"two prefixes",                &VNI,    "0x0x12",                -EINVAL, NULL,                               "'0x0x12'"},
	{"prefix and sign",             &VNI,    "0x-2",                  -EINVAL, NULL,                               "'0x-2'"},
	{"letters without prefix",      &VNI,    "beef",                  -EINVAL, NULL,                               "'beef'"},
	{"one byte, highest",           &U8,     "255",                   0,       "\xff",                             "255"},
	{"one byte, above",             &U8,     "256",                   -ERANGE, NULL,                               "0 to 255"},
	{"two bytes",                   &U16,    "0x1234",                0,       "\x34\x12",                         "4660"},
	{"two bytes, above",            &U16,    "65536",                 -ERANGE, NULL,                               "65535"},
	{"four bytes, highest",         &U32,    "4294967295",            0,       "\xff\xff\xff\xff",                 "4294967295"},
	{"four bytes, above",           &U32,    "4294967296",            -ERANGE, NULL,                               "4294967295"},
	{"eight bytes",                 &U64,    "0x0102030405060708",    0,       "\x08\x07\x06\x05\x04\x03\x02\x01", "72623859790382856"},
	{"eight bytes, highest",        &U64,    "18446744073709551615",  0,       "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"},
	{"address in a number",         &U32,    "10.0.0.2",              0,       "\x0a\0\0\x02",                     "10.0.0.2"},
	{"address outside the range",   &VNI,    "10.0.0.2",              -ERANGE, NULL,                               "2 to 16777215"},
	{"address in two bytes",        &U16,    "10.0.0.2",              -EINVAL, NULL,                               "10.0.0.2"},
	{"MAC in six bytes",            &U48,    "02:00:00:00:00:0f",     0,       "\x02\0\0\0\0\x0f",                 "02:00:00:00:00:0f"},
	{"IPv6 in sixteen bytes",       &U128,   "fd00::2",               0,       "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", "fd00::2"},
	{"IPv4",                        &IPV4,   "192.168.1.254",         0,       "\xc0\xa8\x01\xfe",                 "192.168.1.254"},
	{"number for an address",       &IPV4,   "1",                     -EINVAL, NULL,                               "IPv4"},
	{"part above 255",              &IPV4,   "10.0.0.256",            -EINVAL, NULL,                               "IPv4"},
	{"five parts",                  &IPV4,   "10.0.0.2.1",            -EINVAL, NULL,                               "IPv4"},
	{"IPv6 for IPv4",               &IPV4,   "::1",                   -EINVAL, NULL,                               "IPv4"},
	{"IPv6",                        &IPV6,   "2001:db8::1",           0,       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", "2001:db8::1"},
	{"IPv4 for IPv6",               &IPV6,   "10.0.0.1",              -EINVAL, NULL,                               "IPv6"},
	{"IPv6 with a prefix",          &IPV6,   "fd00::/8",              -EINVAL, NULL,                               "IPv6"},
	{"MAC",                         &MAC,    "02:0A:0b:00:00:0f",     0,       "\x02\x0a\x0b\0\0\x0f",             "02:0a:0b:00:00:0f"},
	{"MAC with one digit",          &MAC,    "2:00:00:00:00:0f",      -EINVAL, NULL,                               "MAC"},
	{"MAC with seven parts",        &MAC,    "02:00:00:00:00:0f:11",  -EINVAL, NULL,                               "MAC"},
	{"MAC with dashes",             &MAC,    "02-00-00-00-00-0f",     -EINVAL, NULL,                               "MAC"},
	{"MAC with signs",              &MAC,    "02:00:00:00:00:+f",     -EINVAL, NULL,                               "MAC"},
	{"bytes",                       &BYTES3, "0a0B0c",                0,       "\x0a\x0b\x0c",                     "0a0b0c"},
	{"bytes, one too few",          &BYTES3, "0a0b0",                 -EINVAL, NULL,                               "'0a0b0'"},
	{"bytes, one too many",         &BYTES3, "0a0b0c0",               -EINVAL, NULL,                               "'0a0b0c0'"},
	{"sixteen bytes",               &BYTES16, "000102030405060708090a0b0c0d0e0f", 0, "\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", "000102030405060708090a0b0c0d0e0f"},
	{"no width",                    &NO_WIDTH, "",                    -EINVAL, NULL,                               "1 to 16"},
	{"more than sixteen bytes",     &TOO_WIDE, "0001020304050607080910111213141516", -EINVAL, NULL,                 "1 to 16"},
	{"unknown type",                &NO_TYPE, "1",                    -EINVAL, NULL,                               "99"},
};

static void parses_and_prints_what_people_write(void **state) {
	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct vpc_value untouched, value;
		struct vpc_error error = {""};
		memset(&untouched, 0xa5, sizeof untouched);
		value = untouched;

		print_message("  %s\n", CASES[i].description);
		assert_int_equal(vpc_value_parse(CASES[i].parameter, CASES[i].text, &value, &error), CASES[i].result);
		if (CASES[i].result) {
			assert_memory_equal(&value, &untouched, sizeof value);
			assert_non_null(strstr(error.text, CASES[i].says));
			continue;
		}
		char text[64];
		assert_int_equal(value.width, CASES[i].parameter->width);
		assert_memory_equal(value.bytes, CASES[i].bytes, value.width);
		assert_int_equal(vpc_value_format(CASES[i].parameter, &value, text, sizeof text), strlen(CASES[i].says));
		assert_string_equal(text, CASES[i].says);
		assert_int_equal(vpc_value_format(CASES[i].parameter, &value, text, strlen(CASES[i].says)), -ENOSPC);
	}
}

/* What is printed can be read again, for every width and type. */
static void reads_what_it_prints(void **state) {
	static const enum vpc_value_type TYPES[] = {VPC_VALUE_INTEGER, VPC_VALUE_BYTES};
	(void)state;
	for (uint16_t width = 1; width <= VPC_VALUE_WIDTH; width++)
		for (size_t t = 0; t < COUNT(TYPES); t++) {
			struct vpc_parameter parameter = {.name = "p", .type = TYPES[t], .width = width, .elements = 1, .highest = UINT64_MAX};
			struct vpc_value value = {.width = (uint8_t)width}, again;
			struct vpc_error error = {""};
			char text[64];
			if (TYPES[t] == VPC_VALUE_INTEGER && width > 8)
				continue;
			for (uint16_t i = 0; i < width; i++)
				value.bytes[i] = (uint8_t)(0xf1 - i);
			assert_true(vpc_value_format(&parameter, &value, text, sizeof text) > 0);
			if (vpc_value_parse(&parameter, text, &again, &error))
				fail_msg("width %u: %s", width, error.text);
			assert_memory_equal(again.bytes, value.bytes, width);
		}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(parses_and_prints_what_people_write), cmocka_unit_test(reads_what_it_prints)};
	return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
