// The doctor's findings, each with its remedy. tools/commands/doctor-text.ts prints them.

/**
 * `fault`: vCenter, a host or vSAN would fail. `warning`: works now, but not forever, or not for all. `note`: worth
 * knowing. `good`: checked, and in order.
 */
export type Severity = 'good' | 'note' | 'warning' | 'fault'

export type Check = 'reach' | 'tls' | 'certificate' | 'client' | 'kmip' | 'keys' | 'time' | 'root key'

export interface Finding {
  readonly check: Check
  readonly severity: Severity
  readonly what: string
  /** The advice, for vCenter or the server. Null if nothing is to be done. */
  readonly mend: string | null
}

export class Findings {
  readonly list: Finding[] = []

  good(check: Check, what: string): void {
    this.#add(check, 'good', what, null)
  }

  note(check: Check, what: string, mend: string | null = null): void {
    this.#add(check, 'note', what, mend)
  }

  warning(check: Check, what: string, mend: string): void {
    this.#add(check, 'warning', what, mend)
  }

  fault(check: Check, what: string, mend: string): void {
    this.#add(check, 'fault', what, mend)
  }

  #add(check: Check, severity: Severity, what: string, mend: string | null): void {
    const isKnown = this.list.some((other) => other.check === check && other.what === what)
    if (!isKnown) this.list.push({ check, severity, what, mend })
  }
}
