/** Defaults needed in several places. Hosts have no defaults: the master sends them every value. */

/** `log_limit` in bytes, also before a configuration is loaded. */
export const defaultLogLimit = 1024;
/** `access.format` of an access log. */
export const defaultAccessFormat = '%R - %u %t "%m %r" %s';
/** `ping.response` of a `ping.path`. */
export const defaultPingResponse = 'pong';
