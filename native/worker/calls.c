#include "worker/calls.h"

#include <link.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * This object replaces some functions of the C library (HATHI_IN_PLACE). PHP's own calls find them. Calls of
 * extensions do not, because PHP binds extensions to the libraries that they name (RTLD_DEEPBIND). So this file
 * redirects them one by one.
 */

#if __SIZEOF_POINTER__ == 8 && defined(DT_RELA)

/* The calls that an object makes of others, by its headers. */
struct calls {
	const ElfW(Sym) *symbols;
	const char *names;
	/* Relocations of its procedure table, and of addresses that it reads itself. */
	const ElfW(Rela) *lists[2];
	size_t sizes[2];
	/* The range that becomes read-only once the object is bound (RELRO). */
	uintptr_t sealed;
	size_t sealed_size;
	/* It is this object. */
	bool is_own;
};

static void read_dynamic(const ElfW(Dyn) *entry, struct calls *calls)
{
	for (; entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_SYMTAB) calls->symbols = (const ElfW(Sym) *)entry->d_un.d_ptr;
		if (entry->d_tag == DT_STRTAB) calls->names = (const char *)entry->d_un.d_ptr;
		if (entry->d_tag == DT_JMPREL) calls->lists[0] = (const ElfW(Rela) *)entry->d_un.d_ptr;
		if (entry->d_tag == DT_PLTRELSZ) calls->sizes[0] = entry->d_un.d_val;
		if (entry->d_tag == DT_RELA) calls->lists[1] = (const ElfW(Rela) *)entry->d_un.d_ptr;
		if (entry->d_tag == DT_RELASZ) calls->sizes[1] = entry->d_un.d_val;
	}
}

/* Returns false for the kernel's own object, in whose dynamic section the loader puts no addresses. */
static bool read_calls(const struct dl_phdr_info *object, struct calls *calls)
{
	*calls = (struct calls){0};
	for (size_t index = 0; index < object->dlpi_phnum; index++) {
		const ElfW(Phdr) *segment = object->dlpi_phdr + index;
		uintptr_t start = object->dlpi_addr + segment->p_vaddr;
		uintptr_t own = (uintptr_t)hathi_calls_lead_here;
		if (segment->p_type == PT_LOAD && own >= start && own - start < segment->p_memsz) calls->is_own = true;
		if (segment->p_type == PT_DYNAMIC) read_dynamic((const ElfW(Dyn) *)start, calls);
		if (segment->p_type == PT_GNU_RELRO) {
			calls->sealed = start;
			calls->sealed_size = segment->p_memsz;
		}
	}
	return (uintptr_t)calls->symbols > object->dlpi_addr && (uintptr_t)calls->names > object->dlpi_addr;
}

static void lead(const struct calls *calls, uintptr_t slot, uintptr_t target)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	void *start = (void *)(slot - slot % page);
	bool is_sealed = slot >= calls->sealed && slot - calls->sealed < calls->sealed_size;
	if (is_sealed && mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return;
	*(uintptr_t *)slot = target;
	if (is_sealed) mprotect(start, page, PROT_READ);
}

/* Our function of that name; 0 for any other name. */
static uintptr_t place_of(const char *name)
{
	const struct { const char *name; uintptr_t place; } ours[] = {
		{"_exit", (uintptr_t)_exit},
		{"_Exit", (uintptr_t)_Exit},
		{"fork", (uintptr_t)fork},
		{"popen", (uintptr_t)popen},
		{"posix_spawn", (uintptr_t)posix_spawn},
		{"posix_spawnp", (uintptr_t)posix_spawnp},
		{"system", (uintptr_t)system},
	};
	for (size_t index = 0; index < sizeof ours / sizeof *ours; index++) {
		if (strcmp(name, ours[index].name) == 0) return ours[index].place;
	}
	return 0;
}

/* How many objects had ever been loaded when the calls were led here last (dl_iterate_phdr(3)). */
static unsigned long long led_objects;

static int lead_object(struct dl_phdr_info *object, size_t size, void *first)
{
	(void)size;
	struct calls calls;
	if (*(bool *)first) {
		*(bool *)first = false;
		/* A template has done it: a host that loads nothing more need not, and shares the pages. */
		if (object->dlpi_adds == led_objects) return 1;
		led_objects = object->dlpi_adds;
	}
	bool is_libc = object->dlpi_name != NULL && strstr(object->dlpi_name, "/libc.") != NULL;
	if (is_libc || !read_calls(object, &calls) || calls.is_own) return 0;
	for (size_t list = 0; list < 2; list++) {
		for (size_t index = 0; index < calls.sizes[list] / sizeof(ElfW(Rela)); index++) {
			const ElfW(Rela) *call = calls.lists[list] + index;
			size_t symbol = ELF64_R_SYM(call->r_info);
			/* Most are addresses within the object. */
			if (symbol == 0) continue;
			uintptr_t target = place_of(calls.names + calls.symbols[symbol].st_name);
			if (target != 0) lead(&calls, object->dlpi_addr + call->r_offset, target);
		}
	}
	return 0;
}

/* Call this when all extensions are loaded, and again when more of them are. */
void hathi_calls_lead_here(void)
{
	bool first = true;
	dl_iterate_phdr(lead_object, &first);
}

#else

void hathi_calls_lead_here(void)
{
}

#endif
