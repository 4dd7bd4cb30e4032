/** Defaults that more than one place has to know. Engines' hosts have none: the master sends what holds. */

/** `log_limit`, bytes: also before there is a configuration. */
export const defaultLogLimit = 1024;
/** `access.format`, where there is an access log. */
export const defaultAccessFormat = '%R - %u %t "%m %r" %s';
/** `ping.response`, where there is a `ping.path`. */
export const defaultPingResponse = 'pong';
