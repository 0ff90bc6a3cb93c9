// Tells what an error of the driver means to the store. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html

import { StoreUnavailable } from '../../../core/ports/store.ts'

/**
 * `gone`: the connection is lost, or the server ends it. `damaged`: the server cannot read the data that this statement needs; other
 * statements, which need other data, may still work. null: an error of the statement, so a bug.
 */
export type PostgresTrouble = 'gone' | 'full' | 'busy' | 'refused' | 'damaged' | null

/** The driver's own messages, without a code, when the connection is lost or silent. */
const lost =
  /^Connection terminated|^Query read timeout|^timeout expired|is not queryable|^Client was closed|has ended|was ended/

export function postgresTrouble(error: unknown): PostgresTrouble {
  if (!(error instanceof Error)) return null
  const code = sqlState(error)
  // Errors that the server sends have a severity. Other errors with a code come from the operating system, such as ECONNREFUSED.
  if (!('severity' in error)) return code !== null || lost.test(error.message) ? 'gone' : null
  if (code === null) return null
  // The server ends the session, or starts, or takes no changes: a standby, or a primary that was made one.
  if (['25P03', '25P04', '25006'].includes(code) || /^(?:57P|08)/.test(code)) return 'gone'
  if (code.startsWith('58')) return 'damaged'
  if (code === '53100' || code === '53200') return 'full'
  // Cancelled (statement_timeout), lock_timeout, deadlock, serialization failure, too many connections.
  if (['57014', '55P03', '40P01', '40001', '53300'].includes(code)) return 'busy'
  if (code.startsWith('28') || code === '3D000' || code === '42501') return 'refused'
  return null
}

export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  if (error instanceof AggregateError && error.errors.length > 0) return sqlState(error.errors[0])
  return 'code' in error && typeof error.code === 'string' ? error.code : null
}

export function postgresText(error: unknown): string {
  const code = sqlState(error)
  const message = error instanceof Error ? error.message : String(error)
  const said = message === '' && error instanceof AggregateError ? String(error.errors[0]) : message
  return code === null ? said : `${code}: ${said}`
}

/** Makes a StoreUnavailable of an error that is not a bug. */
export function asUnavailable(what: string, error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error
  const trouble = postgresTrouble(error)
  const why = trouble === 'busy' || trouble === 'full' ? trouble : 'unavailable'
  return new StoreUnavailable(why, `${what}: ${postgresText(error)}`, { cause: error })
}
