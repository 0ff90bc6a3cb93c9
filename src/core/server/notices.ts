// Warnings and errors that a flood would otherwise repeat thousands of times. Logs each at most once a minute, with the count of
// the suppressed ones.

/** The listener logs the same warning at most this often. */
const noticeEveryMs = 60_000

export interface NoticeLog {
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

export class Notices {
  readonly #log: NoticeLog
  readonly #now: () => number
  readonly #said = new Map<string, { readonly at: number; keptBack: number }>()

  constructor(log: NoticeLog, now: () => number) {
    this.#log = log
    this.#now = now
  }

  /** `key` is one of a small fixed set, and never comes from what peers send. */
  warn(key: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#say('warn', key, message, fields)
  }

  error(key: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#say('error', key, message, fields)
  }

  #say(
    level: 'warn' | 'error',
    key: string,
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    const said = this.#said.get(key)
    const now = this.#now()
    if (said !== undefined && now - said.at < noticeEveryMs) {
      said.keptBack += 1
      return
    }
    this.#said.set(key, { at: now, keptBack: 0 })
    this.#log[level](message, { ...fields, keptBackSinceLast: said?.keptBack ?? 0 })
  }
}
