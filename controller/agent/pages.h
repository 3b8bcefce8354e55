/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PAGES_H
#define AGENT_PAGES_H

/*
 * Gives back free memory, and the pages of code and constants of all loaded libraries. What is used again comes back from
 * the page cache; what only the dynamic linker, constructors or a TLS handshake touched does not: that is most of what the
 * many libraries behind libcurl occupy.
 */
void pages_give_back(void);

#endif
