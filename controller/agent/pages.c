// SPDX-License-Identifier: Apache-2.0
#include "pages.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Segments that are never written to: no relocation stands in them that would be lost. */
static int give_back(struct dl_phdr_info *object, size_t size, void *context) {
	uintptr_t page = sysconf(_SC_PAGESIZE);
	(void)size, (void)context;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			madvise((void *)start, end - start, MADV_DONTNEED); /* if it is refused nothing is lost */
	}
	return 0;
}

void pages_give_back(void) {
	malloc_trim(0);
	dl_iterate_phdr(give_back, NULL);
}
