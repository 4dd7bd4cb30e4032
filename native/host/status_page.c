#include "host/status_page.h"

#include <string.h>

#include "host/status_styles.h"
#include "host/status_text.h"

/*
 * The status page, as the master renders it (src/status/): tests/native/status-formats.test.ts compares them byte by byte.
 */

/* Appends a text. */
static void put(struct hathi_status_output *output, const char *text)
{
	hathi_status_put(output, text, strlen(text));
}

/* Whether the pool is there, with its name. */
static void put_up_metric(struct hathi_status_output *output, const struct hathi_status_facts *facts)
{
	put(output, "# HELP phpfpm_up Could pool ");
	hathi_status_string(output, facts->pool, strlen(facts->pool), HATHI_ESCAPE_HELP);
	hathi_status_format(output, " using a %s PM on PHP-FPM be reached?\n", facts->manager);
	put(output, "# TYPE phpfpm_up gauge\nphpfpm_up 1\n");
}

/* The fields of the pool that its PHP has. */
static void put_pool(struct hathi_status_output *output, const struct hathi_status_style *style,
	const struct hathi_status_value *values)
{
	for (int field = 0; field < HATHI_POOL_FIELDS; field++)
		if (!values[field].is_absent) style->pool_field(output, style, field, values + field);
}

/* html: the labels of a process. */
static void put_header_row(struct hathi_status_output *output, int field_count)
{
	static const struct hathi_process_field_facts process_fields[] = HATHI_PROCESS_FIELD_FACTS;
	put(output, "<tr>");
	for (int field = 0; field < field_count; field++)
		hathi_status_format(output, "<th>%s</th>", process_fields[field].lower_label);
	put(output, "</tr>\n");
}

/* Every process that is up, in slot order: one at a time in memory. */
static void put_processes(struct hathi_status_output *output, const struct hathi_status_style *style,
	const struct hathi_status_page *page)
{
	struct hathi_status_slot slot;
	struct hathi_status_value values[HATHI_PROCESS_ALL_FIELDS];
	int field_count = page->facts.is_booted ? HATHI_PROCESS_ALL_FIELDS : HATHI_PROCESS_FIELDS;
	const char *between = "";
	put(output, style->processes_begin);
	if (style->has_header_row) put_header_row(output, field_count);
	for (uint32_t number = 0; number < page->slot_count; number++) {
		uint32_t pid = page->pid_of(page->context, number);
		if (pid == 0) continue;
		hathi_status_process(&page->facts, number, pid, &slot, values);
		put(output, between);
		put(output, style->process_begins);
		for (int field = 0; field < field_count; field++) style->process_field(output, style, field, values + field);
		put(output, style->process_ends);
		between = style->process_between;
	}
	put(output, style->processes_end);
}

/* Whether the query string has that key; only presence counts. */
static bool has_key(const char *query, size_t length, const char *key)
{
	const char *end = query + length;
	size_t key_length = strlen(key);
	for (;;) {
		const char *pair_end = memchr(query, '&', (size_t)(end - query));
		if (pair_end == NULL) pair_end = end;
		const char *equals = memchr(query, '=', (size_t)(pair_end - query));
		const char *key_end = equals == NULL ? pair_end : equals;
		if ((size_t)(key_end - query) == key_length && memcmp(query, key, key_length) == 0) return true;
		if (pair_end == end) return false;
		query = pair_end + 1;
	}
}

/* Selects by the keys of a query string: the first format in the order of the list wins, text needs no key. */
struct hathi_status_selection hathi_status_select(const char *query, size_t length)
{
	static const char *const names[] = HATHI_STATUS_FORMAT_NAMES;
	struct hathi_status_selection selection = {.format = HATHI_STATUS_TEXT, .full = has_key(query, length, "full")};
	for (int format = 0; format < HATHI_STATUS_FORMATS; format++) {
		if (format == HATHI_STATUS_TEXT || !has_key(query, length, names[format])) continue;
		selection.format = (enum hathi_status_format)format;
		break;
	}
	return selection;
}

/* Writes header lines, an empty line and the page to the file. Returns false when that failed. */
bool hathi_status_write(const struct hathi_status_page *page, int file)
{
	static const char *const headers[] = HATHI_STATUS_HEADERS;
	enum hathi_status_format name = page->selection.format;
	const struct hathi_status_style *style = hathi_status_style(name);
	struct hathi_status_output output = {.file = file};
	struct hathi_status_value values[HATHI_POOL_FIELDS];
	hathi_status_pool(&page->facts, values);
	put(&output, headers[name]);
	put(&output, "\r\n");
	put(&output, style->page_begins);
	if (name == HATHI_STATUS_OPENMETRICS) put_up_metric(&output, &page->facts);
	put_pool(&output, style, values);
	if (name == HATHI_STATUS_HTML) put(&output, "</table>\n");
	if (page->selection.full && style->process_field != NULL) put_processes(&output, style, page);
	put(&output, style->page_ends);
	hathi_status_flush(&output);
	return !output.has_failed;
}
