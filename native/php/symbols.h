/* Made from src/scoreboard/engine-symbols.ts. Do not edit. */
#ifndef HATHI_SYMBOLS_H
#define HATHI_SYMBOLS_H

#define HATHI_SYMBOLS_MAGIC "HATHISY"

/* Positions in the field engine_symbols of the header. */
enum {
	HATHI_SYMBOLS_VERSION = 1,
	HATHI_SYMBOLS_VERSION_AT = 8,
	HATHI_SYMBOLS_ADDRESS_AT = 16,
};

#define HATHI_SYMBOLS_ADDRESS (uintptr_t)&EG(current_execute_data)

/* X(position, value) for each number. */
#define HATHI_SYMBOLS_NUMBERS(X) \
	X(24, offsetof(zend_execute_data, opline)) \
	X(28, offsetof(zend_execute_data, func)) \
	X(32, offsetof(zend_execute_data, This.u1.type_info)) \
	X(36, offsetof(zend_execute_data, prev_execute_data)) \
	X(40, offsetof(zend_function, type)) \
	X(44, offsetof(zend_function, common.fn_flags)) \
	X(48, offsetof(zend_function, common.function_name)) \
	X(52, offsetof(zend_function, common.scope)) \
	X(56, offsetof(zend_op_array, filename)) \
	X(60, offsetof(zend_op_array, line_start)) \
	X(64, offsetof(zend_op, lineno)) \
	X(68, offsetof(zend_op, opcode)) \
	X(72, offsetof(zend_op, extended_value)) \
	X(76, offsetof(zend_class_entry, name)) \
	X(80, offsetof(zend_string, len)) \
	X(84, offsetof(zend_string, val)) \
	X(88, ZEND_INTERNAL_FUNCTION) \
	X(92, ZEND_CALL_CODE) \
	X(96, ZEND_CALL_TOP) \
	X(100, ZEND_ACC_CLOSURE) \
	X(104, ZEND_INCLUDE_OR_EVAL) \
	X(108, ZEND_ACC_IMMUTABLE)

#endif
