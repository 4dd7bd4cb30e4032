#include "php/php_start.h"

#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "php/php_glue.h"

/*
 * The host program has a folder of php.ini compiled in that is not always PHP-FPM's: Debian's command line has
 * /etc/php/8.2/cli. Scripts see it in PHP_CONFIG_FILE_PATH and phpinfo(), and look there. No function of PHP changes
 * that constant, so it is overwritten in memory before PHP starts. The build defines PHP-FPM's folders:
 * HATHI_INI_FOLDER, HATHI_SCAN_FOLDER.
 */

struct text {
	const char *old;
	const char *wanted;
};

/* Replaces every whole occurrence of the text in a read-only segment. The wanted text is not longer. */
static void replace(uint8_t *start, size_t size, const struct text *text)
{
	size_t length = strlen(text->old) + 1;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uint8_t *end = start + size;
	for (uint8_t *at = start; (at = memmem(at, (size_t)(end - at), text->old, length)) != NULL; at += length) {
		if (at > start && at[-1] != '\0') continue;
		uint8_t *first = at - (uintptr_t)at % page;
		size_t pages = (size_t)(at + length - first);
		if (mprotect(first, pages, PROT_READ | PROT_WRITE) != 0) return;
		strcpy((char *)at, text->wanted);
		mprotect(first, pages, PROT_READ);
	}
}

/* Whether that object contains PHP itself. */
static bool is_php(const struct dl_phdr_info *object)
{
	uintptr_t known = (uintptr_t)php_module_startup;
	for (size_t index = 0; index < object->dlpi_phnum; index++) {
		const ElfW(Phdr) *segment = object->dlpi_phdr + index;
		uintptr_t start = object->dlpi_addr + segment->p_vaddr;
		if (segment->p_type == PT_LOAD && known >= start && known - start < segment->p_memsz) return true;
	}
	return false;
}

static int replace_in_object(struct dl_phdr_info *object, size_t size, void *text)
{
	(void)size;
	if (!is_php(object)) return 0;
	for (size_t index = 0; index < object->dlpi_phnum; index++) {
		const ElfW(Phdr) *segment = object->dlpi_phdr + index;
		if (segment->p_type == PT_LOAD && segment->p_flags == PF_R)
			replace((uint8_t *)(object->dlpi_addr + segment->p_vaddr), segment->p_filesz, text);
	}
	return 1;
}

/*
 * Puts PHP-FPM's folder in the place of the same folder of other programs. No-op when PHP-FPM has no folder of its
 * own.
 */
static void change(const char *wanted)
{
	static const char own[] = "/fpm";
	static const char *const others[] = {"/cli", "/embed"};
	const char *part = strstr(wanted, own);
	if (part == NULL) return;
	for (size_t index = 0; index < sizeof others / sizeof *others; index++) {
		char old[PATH_MAX];
		int length = snprintf(old, sizeof old, "%.*s%s%s", (int)(part - wanted), wanted, others[index],
			part + sizeof own - 1);
		struct text text = {.old = old, .wanted = wanted};
		if (length > 0 && (size_t)length < sizeof old) dl_iterate_phdr(replace_in_object, &text);
	}
}

/* Call this before PHP starts. Folders that the program does not contain are left alone. */
void hathi_config_folder(void)
{
	change(HATHI_INI_FOLDER);
	change(HATHI_SCAN_FOLDER);
}
