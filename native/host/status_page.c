#include "host/status_page.h"

#include <string.h>

#include "host/status_text.h"

/*
 * The status page, as the master renders it (src/status/): tests/native/status-formats.test.ts compares them byte by byte.
 * Labels, their order, metrics and headers are those of the generated status_fields.h.
 */

static const struct hathi_pool_field_facts pool_fields[] = HATHI_POOL_FIELD_FACTS;
static const struct hathi_process_field_facts process_fields[] = HATHI_PROCESS_FIELD_FACTS;

/* A format's ways to write parts of the page. */
struct format {
	enum hathi_status_escape escape;
	/* Whether times are written in words. */
	bool has_local_time;
	void (*pool_field)(struct hathi_status_output *output, const struct format *format, int field,
		const struct hathi_status_value *value);
	void (*process_field)(struct hathi_status_output *output, const struct format *format, int field,
		const struct hathi_status_value *value);
	const char *page_begins;
	/* Around all processes, and around each. */
	const char *processes_begin;
	const char *processes_end;
	const char *process_begins;
	const char *process_between;
	const char *process_ends;
	const char *page_ends;
	bool has_header_row;
};

static void put(struct hathi_status_output *output, const char *text)
{
	hathi_status_put(output, text, strlen(text));
}

static void put_value(struct hathi_status_output *output, const struct format *format, enum hathi_status_kind kind,
	const struct hathi_status_value *value)
{
	if (kind == HATHI_KIND_STRING) hathi_status_string(output, value->text, value->length, format->escape);
	else if (kind == HATHI_KIND_TIME && format->has_local_time) hathi_status_time(output, value->number);
	else hathi_status_number(output, kind, value);
}

/* A line of text: the label and a colon, padded to the column of the values. */
static void put_line(struct hathi_status_output *output, const struct format *format, const char *label,
	enum hathi_status_kind kind, const struct hathi_status_value *value)
{
	enum { VALUE_COLUMN = 22 };
	int padding = VALUE_COLUMN - 1 - (int)strlen(label);
	hathi_status_format(output, "%s:%*s", label, padding < 0 ? 0 : padding, "");
	put_value(output, format, kind, value);
	put(output, "\n");
}

static void text_of_pool(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	put_line(output, format, pool_fields[field].label, pool_fields[field].kind, value);
}

static void text_of_process(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	put_line(output, format, process_fields[field].label, process_fields[field].kind, value);
}

static void html_of_pool(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	hathi_status_format(output, "<tr><th>%s</th><td>", pool_fields[field].label);
	put_value(output, format, pool_fields[field].kind, value);
	put(output, "</td></tr>\n");
}

static void html_of_process(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	put(output, "<td>");
	put_value(output, format, process_fields[field].kind, value);
	put(output, "</td>");
}

static void put_element(struct hathi_status_output *output, const struct format *format, const char *name,
	enum hathi_status_kind kind, const struct hathi_status_value *value)
{
	hathi_status_format(output, "<%s>", name);
	put_value(output, format, kind, value);
	hathi_status_format(output, "</%s>", name);
}

static void xml_of_pool(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	put_element(output, format, pool_fields[field].element, pool_fields[field].kind, value);
	put(output, "\n");
}

static void xml_of_process(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	put_element(output, format, process_fields[field].element, process_fields[field].kind, value);
}

static void put_member(struct hathi_status_output *output, const struct format *format, const char *label,
	enum hathi_status_kind kind, const struct hathi_status_value *value)
{
	const char *quote = kind == HATHI_KIND_STRING ? "\"" : "";
	hathi_status_format(output, "\"%s\":%s", label, quote);
	put_value(output, format, kind, value);
	put(output, quote);
}

static void json_of_pool(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	if (field > 0) put(output, ",");
	put_member(output, format, pool_fields[field].label, pool_fields[field].kind, value);
}

static void json_of_process(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	if (field > 0) put(output, ",");
	put_member(output, format, process_fields[field].lower_label, process_fields[field].kind, value);
}

static void metric_of_pool(struct hathi_status_output *output, const struct format *format, int field,
	const struct hathi_status_value *value)
{
	const struct hathi_pool_field_facts *facts = pool_fields + field;
	if (facts->metric == NULL) return;
	if (facts->type_first) hathi_status_format(output, "# TYPE %s %s\n", facts->metric, facts->metric_type);
	hathi_status_format(output, "# HELP %s %s\n", facts->metric, facts->metric_help);
	if (!facts->type_first) hathi_status_format(output, "# TYPE %s %s\n", facts->metric, facts->metric_type);
	hathi_status_format(output, "%s ", facts->metric);
	put_value(output, format, facts->kind, value);
	put(output, "\n");
}

static const struct format formats[] = {
	[HATHI_STATUS_TEXT] = {
		.has_local_time = true,
		.pool_field = text_of_pool,
		.process_field = text_of_process,
		.page_begins = "",
		.processes_begin = "",
		.process_begins = "\n************************\n",
		.process_between = "",
		.process_ends = "",
		.processes_end = "",
		.page_ends = "",
	},
	[HATHI_STATUS_HTML] = {
		.escape = HATHI_ESCAPE_MARKUP,
		.has_local_time = true,
		.pool_field = html_of_pool,
		.process_field = html_of_process,
		.page_begins =
			"<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" "
			"\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\n"
			"<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"
			"<head><title>PHP-FPM Status Page</title></head>\n<body>\n<table>\n",
		.processes_begin = "<table border=\"1\">\n",
		.process_begins = "<tr>",
		.process_between = "",
		.process_ends = "</tr>\n",
		.processes_end = "</table>",
		.page_ends = "</body></html>",
		.has_header_row = true,
	},
	[HATHI_STATUS_XML] = {
		.escape = HATHI_ESCAPE_MARKUP,
		.pool_field = xml_of_pool,
		.process_field = xml_of_process,
		.page_begins = "<?xml version=\"1.0\" ?>\n<status>\n",
		.processes_begin = "<processes>\n",
		.process_begins = "<process>",
		.process_between = "",
		.process_ends = "</process>\n",
		.processes_end = "</processes>\n",
		.page_ends = "</status>",
	},
	[HATHI_STATUS_JSON] = {
		.escape = HATHI_ESCAPE_JSON,
		.pool_field = json_of_pool,
		.process_field = json_of_process,
		.page_begins = "{",
		.processes_begin = ", \"processes\":[",
		.process_begins = "{",
		.process_between = ",",
		.process_ends = "}",
		.processes_end = "]",
		.page_ends = "}",
	},
	/* It has no list of processes. */
	[HATHI_STATUS_OPENMETRICS] = {
		.pool_field = metric_of_pool,
		.page_begins = "",
		.page_ends = "# EOF\n",
	},
};

/* Whether the pool is there, with its name. */
static void put_up_metric(struct hathi_status_output *output, const struct hathi_status_facts *facts)
{
	put(output, "# HELP phpfpm_up Could pool ");
	hathi_status_string(output, facts->pool, strlen(facts->pool), HATHI_ESCAPE_HELP);
	hathi_status_format(output, " using a %s PM on PHP-FPM be reached?\n", facts->manager);
	put(output, "# TYPE phpfpm_up gauge\nphpfpm_up 1\n");
}

static void put_pool(struct hathi_status_output *output, const struct format *format,
	const struct hathi_status_value *values)
{
	for (int field = 0; field < HATHI_POOL_FIELDS; field++)
		if (!values[field].is_absent) format->pool_field(output, format, field, values + field);
}

static void put_header_row(struct hathi_status_output *output, int field_count)
{
	put(output, "<tr>");
	for (int field = 0; field < field_count; field++)
		hathi_status_format(output, "<th>%s</th>", process_fields[field].lower_label);
	put(output, "</tr>\n");
}

static void put_processes(struct hathi_status_output *output, const struct format *format,
	const struct hathi_status_page *page)
{
	struct hathi_status_slot slot;
	struct hathi_status_value values[HATHI_PROCESS_ALL_FIELDS];
	int field_count = page->facts.is_booted ? HATHI_PROCESS_ALL_FIELDS : HATHI_PROCESS_FIELDS;
	const char *between = "";
	put(output, format->processes_begin);
	if (format->has_header_row) put_header_row(output, field_count);
	for (uint32_t number = 0; number < page->slot_count; number++) {
		uint32_t pid = page->pid_of(page->context, number);
		if (pid == 0) continue;
		hathi_status_process(&page->facts, number, pid, &slot, values);
		put(output, between);
		put(output, format->process_begins);
		for (int field = 0; field < field_count; field++) format->process_field(output, format, field, values + field);
		put(output, format->process_ends);
		between = format->process_between;
	}
	put(output, format->processes_end);
}

/* Whether the query string has that key; only presence counts. */
static bool has_key(const char *query, size_t length, const char *key)
{
	const char *end = query + length;
	size_t key_length = strlen(key);
	while (query <= end) {
		const char *pair_end = memchr(query, '&', (size_t)(end - query));
		if (pair_end == NULL) pair_end = end;
		const char *equals = memchr(query, '=', (size_t)(pair_end - query));
		const char *key_end = equals == NULL ? pair_end : equals;
		if ((size_t)(key_end - query) == key_length && memcmp(query, key, key_length) == 0) return true;
		query = pair_end + 1;
	}
	return false;
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
	const struct format *format = formats + name;
	struct hathi_status_output output = {.file = file};
	struct hathi_status_value values[HATHI_POOL_FIELDS];
	hathi_status_pool(&page->facts, values);
	put(&output, headers[name]);
	put(&output, "\r\n");
	put(&output, format->page_begins);
	if (name == HATHI_STATUS_OPENMETRICS) put_up_metric(&output, &page->facts);
	put_pool(&output, format, values);
	if (name == HATHI_STATUS_HTML) put(&output, "</table>\n");
	if (page->selection.full && format->process_field != NULL) put_processes(&output, format, page);
	put(&output, format->page_ends);
	hathi_status_flush(&output);
	return !output.has_failed;
}
