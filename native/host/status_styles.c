#include "host/status_styles.h"

#include <string.h>

/*
 * The counterpart of src/status/text.ts, html.ts, xml.ts, json.ts and openmetrics.ts. Labels, their order and metrics are
 * those of the generated status_fields.h.
 */

static const struct hathi_pool_field_facts pool_fields[] = HATHI_POOL_FIELD_FACTS;
static const struct hathi_process_field_facts process_fields[] = HATHI_PROCESS_FIELD_FACTS;

/* Appends a text. */
static void put(struct hathi_status_output *output, const char *text)
{
	hathi_status_put(output, text, strlen(text));
}

/* Appends a value of any kind. */
static void put_value(struct hathi_status_output *output, const struct hathi_status_style *style, enum hathi_status_kind kind,
	const struct hathi_status_value *value)
{
	if (kind == HATHI_KIND_STRING) hathi_status_string(output, value->text, value->length, style->escape);
	else if (kind == HATHI_KIND_TIME && style->has_local_time) hathi_status_time(output, value->number);
	else hathi_status_number(output, kind, value);
}

/* A line of text: the label and a colon, padded to the column of the values. */
static void put_line(struct hathi_status_output *output, const struct hathi_status_style *style, const char *label,
	enum hathi_status_kind kind, const struct hathi_status_value *value)
{
	enum { VALUE_COLUMN = 22 };
	int padding = VALUE_COLUMN - 1 - (int)strlen(label);
	hathi_status_format(output, "%s:%*s", label, padding < 0 ? 0 : padding, "");
	put_value(output, style, kind, value);
	put(output, "\n");
}

/* text: a line for each field of the pool, and of a process. */
static void text_of_pool(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	put_line(output, style, pool_fields[field].label, pool_fields[field].kind, value);
}

/* The same of a process. */
static void text_of_process(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	put_line(output, style, process_fields[field].label, process_fields[field].kind, value);
}

/* html: a row for each field of the pool, a cell for each field of a process. */
static void html_of_pool(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	hathi_status_format(output, "<tr><th>%s</th><td>", pool_fields[field].label);
	put_value(output, style, pool_fields[field].kind, value);
	put(output, "</td></tr>\n");
}

/* The same of a process. */
static void html_of_process(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	put(output, "<td>");
	put_value(output, style, process_fields[field].kind, value);
	put(output, "</td>");
}

/* An element with the field's name. */
static void put_element(struct hathi_status_output *output, const struct hathi_status_style *style, const char *name,
	enum hathi_status_kind kind, const struct hathi_status_value *value)
{
	hathi_status_format(output, "<%s>", name);
	put_value(output, style, kind, value);
	hathi_status_format(output, "</%s>", name);
}

/* xml: an element for each field, those of the pool in lines of their own. */
static void xml_of_pool(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	put_element(output, style, pool_fields[field].element, pool_fields[field].kind, value);
	put(output, "\n");
}

/* The same of a process. */
static void xml_of_process(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	put_element(output, style, process_fields[field].element, process_fields[field].kind, value);
}

/* A member of an object, with the field's label. */
static void put_member(struct hathi_status_output *output, const struct hathi_status_style *style, const char *label,
	enum hathi_status_kind kind, const struct hathi_status_value *value)
{
	const char *quote = kind == HATHI_KIND_STRING ? "\"" : "";
	hathi_status_format(output, "\"%s\":%s", label, quote);
	put_value(output, style, kind, value);
	put(output, quote);
}

/* json: members of the pool's object, and of a process's. */
static void json_of_pool(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	if (field > 0) put(output, ",");
	put_member(output, style, pool_fields[field].label, pool_fields[field].kind, value);
}

/* The same of a process. */
static void json_of_process(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	if (field > 0) put(output, ",");
	put_member(output, style, process_fields[field].lower_label, process_fields[field].kind, value);
}

/* openmetrics: two lines about the metric of a field, if it has one, and its value. */
static void metric_of_pool(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
	const struct hathi_status_value *value)
{
	const struct hathi_pool_field_facts *facts = pool_fields + field;
	if (facts->metric == NULL) return;
	if (facts->type_first) hathi_status_format(output, "# TYPE %s %s\n", facts->metric, facts->metric_type);
	hathi_status_format(output, "# HELP %s %s\n", facts->metric, facts->metric_help);
	if (!facts->type_first) hathi_status_format(output, "# TYPE %s %s\n", facts->metric, facts->metric_type);
	hathi_status_format(output, "%s ", facts->metric);
	put_value(output, style, facts->kind, value);
	put(output, "\n");
}

static const struct hathi_status_style styles[] = {
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

/* How that format is written. */
const struct hathi_status_style *hathi_status_style(enum hathi_status_format format)
{
	return styles + format;
}
