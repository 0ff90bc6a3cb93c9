// The log that the parts of the server write. Its owner sets its level. outside/telemetry/log.ts creates it.

/** The log for other rooms. Fields are flat values. Of bytes, the log holds only the number. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The log for its owner, who may set `level` at any time. */
export interface LevelledLog extends Log {
  level: string
}

/** The same log, but with the message first and optional fields after it. */
export function messageFirst(log: Log) {
  type Fields = Readonly<Record<string, unknown>>
  return {
    debug: (message: string, fields: Fields = {}) => log.debug(fields, message),
    info: (message: string, fields: Fields = {}) => log.info(fields, message),
    warn: (message: string, fields: Fields = {}) => log.warn(fields, message),
    error: (message: string, fields: Fields = {}) => log.error(fields, message),
  }
}
