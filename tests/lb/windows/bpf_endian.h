/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef STAND_IN_BPF_ENDIAN_H
#define STAND_IN_BPF_ENDIAN_H

#define bpf_htons(x_) ((uint16_t)__builtin_bswap16(x_))
#define bpf_ntohs(x_) ((uint16_t)__builtin_bswap16(x_))
#define bpf_htonl(x_) ((uint32_t)__builtin_bswap32(x_))
#define bpf_ntohl(x_) ((uint32_t)__builtin_bswap32(x_))

#endif
