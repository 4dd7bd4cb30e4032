#include "hathi.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * _exit(2), by which PHP and its extensions leave a process where they see no other way. It takes the place of the C
 * library's, so that a client is answered first. PHP finds this one by itself. Extensions do not: PHP binds them to the
 * libraries that they name (RTLD_DEEPBIND), so their calls are led here one by one.
 */

__attribute__((visibility("default"))) void _exit(int code)
{
	hathi_faults_answer();
	for (;;) syscall(SYS_exit_group, code);
}

__attribute__((visibility("default"))) void _Exit(int code)
{
	_exit(code);
}

#if __SIZEOF_POINTER__ == 8 && defined(DT_RELA)

/* What an object's headers say about the calls that it makes of others. */
struct calls {
	const ElfW(Sym) *symbols;
	const char *names;
	/* By its table of procedures, and by addresses that it reads itself. */
	const ElfW(Rela) *lists[2];
	size_t sizes[2];
	/* What is read-only once the object has been bound. */
	uintptr_t sealed;
	size_t sealed_size;
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

/* Returns false for an object whose section the loader has not filled with addresses: the kernel's own. */
static bool read_calls(const struct dl_phdr_info *object, struct calls *calls)
{
	*calls = (struct calls){0};
	for (size_t index = 0; index < object->dlpi_phnum; index++) {
		const ElfW(Phdr) *segment = object->dlpi_phdr + index;
		uintptr_t start = object->dlpi_addr + segment->p_vaddr;
		if (segment->p_type == PT_DYNAMIC) read_dynamic((const ElfW(Dyn) *)start, calls);
		if (segment->p_type == PT_GNU_RELRO) {
			calls->sealed = start;
			calls->sealed_size = segment->p_memsz;
		}
	}
	return (uintptr_t)calls->symbols > object->dlpi_addr && (uintptr_t)calls->names > object->dlpi_addr;
}

static void lead_here(const struct calls *calls, uintptr_t slot)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	void *start = (void *)(slot - slot % page);
	bool is_sealed = slot >= calls->sealed && slot - calls->sealed < calls->sealed_size;
	if (is_sealed && mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return;
	*(uintptr_t *)slot = (uintptr_t)_exit;
	if (is_sealed) mprotect(start, page, PROT_READ);
}

static int lead_object(struct dl_phdr_info *object, size_t size, void *ignored)
{
	(void)size;
	(void)ignored;
	struct calls calls;
	if (object->dlpi_name == NULL || strstr(object->dlpi_name, "/libc.") != NULL || !read_calls(object, &calls)) return 0;
	for (size_t list = 0; list < 2; list++) {
		for (size_t index = 0; index < calls.sizes[list] / sizeof(ElfW(Rela)); index++) {
			const ElfW(Rela) *call = calls.lists[list] + index;
			size_t symbol = ELF64_R_SYM(call->r_info);
			const char *name = symbol == 0 ? "" : calls.names + calls.symbols[symbol].st_name;
			if (strcmp(name, "_exit") == 0 || strcmp(name, "_Exit") == 0) lead_here(&calls, object->dlpi_addr + call->r_offset);
		}
	}
	return 0;
}

/* To be called when all extensions have been loaded. */
void hathi_exits_lead_here(void)
{
	dl_iterate_phdr(lead_object, NULL);
}

#else

void hathi_exits_lead_here(void)
{
}

#endif
