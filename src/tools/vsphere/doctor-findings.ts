// The doctor's findings, each with its remedy. tools/commands/doctor-text.ts prints them.

/**
 * `fault`: vCenter, a host or vSAN would fail. `warning`: works now, but not forever, or not for all. `note`: worth
 * knowing. `good`: checked, and in order.
 */
export type DoctorSeverity = 'good' | 'note' | 'warning' | 'fault'

export type DoctorCheck = 'reach' | 'tls' | 'certificate' | 'client' | 'kmip' | 'keys' | 'time' | 'root key'

export interface DoctorFinding {
  readonly check: DoctorCheck
  readonly severity: DoctorSeverity
  readonly what: string
  /** The advice, for vCenter or the server. Null if nothing is to be done. */
  readonly mend: string | null
}

export class Findings {
  readonly list: DoctorFinding[] = []

  good(check: DoctorCheck, what: string): void {
    this.#add(check, 'good', what, null)
  }

  note(check: DoctorCheck, what: string, mend: string | null = null): void {
    this.#add(check, 'note', what, mend)
  }

  warning(check: DoctorCheck, what: string, mend: string): void {
    this.#add(check, 'warning', what, mend)
  }

  fault(check: DoctorCheck, what: string, mend: string): void {
    this.#add(check, 'fault', what, mend)
  }

  #add(check: DoctorCheck, severity: DoctorSeverity, what: string, mend: string | null): void {
    const isKnown = this.list.some((other) => other.check === check && other.what === what)
    if (!isKnown) this.list.push({ check, severity, what, mend })
  }
}
