/* SPDX-License-Identifier: MIT */
/* Addresses as records hold them: one text for each, 16 bytes for their
 * order. */
#ifndef CF_RECORD_ADDRESS_H
#define CF_RECORD_ADDRESS_H

#include "lib/base/buf.h"

/* RFC 5952 text of an address given in any usual form: IPv4-mapped becomes
 * IPv4, a zone is refused. CF_E_SYNTAX. Writes at most 45 bytes and a NUL. */
CF_MUST enum cf_err cf_address_canonical(struct cf_str s, char out[46]);
/* The 16 bytes of a canonical address (IPv4 as ::ffff:a.b.c.d). CF_E_SYNTAX. */
CF_MUST enum cf_err cf_address_bytes(struct cf_str s, uint8_t out[16]);
/* An address or CIDR block as first and last of its range in those 16 bytes;
 * host bits below the prefix are ignored. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_address_block(struct cf_str s, uint8_t first[16], uint8_t last[16]);

#define CF_NETWORK_N 50 /* bytes of a network's text, with the NUL */
/* The network of a canonical address, a /24 or /64; `unknown` of any other
 * text. */
void cf_address_network(const char *ip, char out[CF_NETWORK_N]);

#endif
