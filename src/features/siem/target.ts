// Where audit entries are sent: a receiver of syslog, or a file that another program reads.

import type { PlacedEntry } from '../../core/ports/audit.ts'

export interface SiemTarget {
  /** The store keeps under this name what the target has. */
  readonly kind: SiemTargetKind
  /** The target for people, without secrets: `tls://siem.example:6514`, or a path. */
  readonly name: string
  /** Rejects with an Error that says what to do if the target cannot be reached. `stopping` ends every wait for the target. */
  open(stopping: AbortSignal): Promise<TargetSession>
}

export type SiemTargetKind = 'syslog' | 'file'

/** One connection. Once a method has rejected, the session is over, and everything behind `taken` is sent again in the next one. */
export interface TargetSession {
  /** Sends in order. Rejects if the target takes nothing. */
  send(entries: readonly PlacedEntry[]): Promise<void>
  /** The place of the last entry of this session that the target surely has; 0: of none. Rejects if the session is over. */
  taken(): Promise<number>
  close(): Promise<void>
}
