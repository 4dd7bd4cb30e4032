#include "php/sapi.h"

#include <string.h>
#include <strings.h>

#include "php/directives.h"

/* The response head as FastCGI carries it; the rules are those of src/engine/embedded/php/head.ts. */

/* Longest status line that PHP-FPM sends, without its line end. */
enum { STATUS_LINE_MOST = 1023 };

static const struct { int code; const char *text; } reasons[] = {
	{100, "Continue"}, {101, "Switching Protocols"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"},
	{203, "Non-Authoritative Information"}, {204, "No Content"}, {205, "Reset Content"},
	{206, "Partial Content"}, {300, "Multiple Choices"}, {301, "Moved Permanently"}, {302, "Found"},
	{303, "See Other"}, {304, "Not Modified"}, {305, "Use Proxy"}, {307, "Temporary Redirect"},
	{308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"}, {402, "Payment Required"},
	{403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"}, {406, "Not Acceptable"},
	{407, "Proxy Authentication Required"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"},
	{411, "Length Required"}, {412, "Precondition Failed"}, {413, "Request Entity Too Large"},
	{414, "Request-URI Too Long"}, {415, "Unsupported Media Type"},
	{416, "Requested Range Not Satisfiable"}, {417, "Expectation Failed"}, {426, "Upgrade Required"},
	{428, "Precondition Required"}, {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
	{451, "Unavailable For Legal Reasons"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
	{502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"}, {506, "Variant Also Negotiates"},
	{511, "Network Authentication Required"},
};

static const char *reason_of(int code)
{
	for (size_t index = 0; index < sizeof reasons / sizeof *reasons; index++) {
		if (reasons[index].code == code) return reasons[index].text;
	}
	return NULL;
}

static bool put(struct hathi_request *request, const char *text, size_t length)
{
	return hathi_output_write(&request->worker->output, HATHI_RECORD_STDOUT, text, length);
}

static bool is_status_header(const sapi_header_struct *header)
{
	return header->header_len > sizeof "Status:" - 1 && strncasecmp(header->header, "Status:", sizeof "Status:" - 1) == 0;
}

static bool has_status_header(sapi_headers_struct *headers)
{
	zend_llist_position position;
	for (sapi_header_struct *header = zend_llist_get_first_ex(&headers->headers, &position); header != NULL;
		header = zend_llist_get_next_ex(&headers->headers, &position)) {
		if (is_status_header(header)) return true;
	}
	return false;
}

/* Writes the Status line if one is due. Returns whether it did. */
static bool put_status(struct hathi_request *request, sapi_headers_struct *headers)
{
	char line[STATUS_LINE_MOST + sizeof "\r\n"];
	int code = headers->http_response_code;
	const char *given = headers->http_status_line;
	if (code == 200 && !hathi_ini.nph) return false;
	const char *blank = given == NULL ? NULL : strchr(given, ' ');
	if (hathi_ini.rfc2616_headers && given != NULL)
		snprintf(line, STATUS_LINE_MOST + 1, "%s", given);
	else if (blank != NULL && blank - given >= 5 && strncasecmp(given, "HTTP/", 5) == 0)
		snprintf(line, STATUS_LINE_MOST + 1, "Status:%s", blank);
	else if (has_status_header(headers))
		return false;
	else if (reason_of(code) != NULL)
		snprintf(line, STATUS_LINE_MOST + 1, "Status: %d %s", code, reason_of(code));
	else
		snprintf(line, STATUS_LINE_MOST + 1, "Status: %d", code);
	strcat(line, "\r\n");
	put(request, line, strlen(line));
	return true;
}

/* PHP's callback: writes the head of the running request. */
int hathi_head_send(sapi_headers_struct *headers)
{
	struct hathi_request *request = SG(server_context);
	if (request == NULL || request->is_boot || request->finished || SG(request_info).no_headers == 1) return SAPI_HEADER_SENT_SUCCESSFULLY;
	bool has_status = put_status(request, headers);
	zend_llist_position position;
	for (sapi_header_struct *header = zend_llist_get_first_ex(&headers->headers, &position); header != NULL;
		header = zend_llist_get_next_ex(&headers->headers, &position)) {
		if (header->header_len == 0) continue;
		if (is_status_header(header)) {
			if (has_status) continue;
			has_status = true;
		} else if (headers->http_response_code == 304 && header->header_len > sizeof "Content-Type:" - 1 &&
			strncasecmp(header->header, "Content-Type:", sizeof "Content-Type:" - 1) == 0) {
			continue;
		}
		put(request, header->header, header->header_len);
		put(request, "\r\n", 2);
	}
	put(request, "\r\n", 2);
	return SAPI_HEADER_SENT_SUCCESSFULLY;
}

/* The value of a response header that the script set, for the access log; NULL when it is not set. */
const char *hathi_head_find(const char *name, void *context)
{
	(void)context;
	size_t length = strlen(name);
	zend_llist_position position;
	for (sapi_header_struct *header = zend_llist_get_first_ex(&SG(sapi_headers).headers, &position); header != NULL;
		header = zend_llist_get_next_ex(&SG(sapi_headers).headers, &position)) {
		if (header->header_len <= length || header->header[length] != ':') continue;
		if (strncasecmp(header->header, name, length) != 0) continue;
		const char *value = header->header + length + 1;
		return value + strspn(value, " ");
	}
	return NULL;
}
