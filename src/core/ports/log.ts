// The log: what the parts of the server write, and its owner's way to set its level. outside/telemetry/log.ts makes one.

/** The log as other rooms use it. Fields are flat values. Of bytes, only their number is written. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The log as its owner uses it: `level` can be set at any time. */
export interface LevelledLog extends Log {
  level: string
}

/** The same log with the message first and optional fields. */
export function messageFirst(log: Log) {
  type Fields = Readonly<Record<string, unknown>>
  return {
    debug: (message: string, fields: Fields = {}) => log.debug(fields, message),
    info: (message: string, fields: Fields = {}) => log.info(fields, message),
    warn: (message: string, fields: Fields = {}) => log.warn(fields, message),
    error: (message: string, fields: Fields = {}) => log.error(fields, message),
  }
}
