// What the admin API asks of the targets that get the audit log (siem/).

export interface SiemFacts {
  readonly kind: 'syslog' | 'file'
  /** The target for people: a URL or a path. */
  readonly target: string
  /** The time of the first entry that the target does not surely have; null: it has all. */
  readonly behindSinceMs: number | null
  /** Why this node cannot send, for people; null: it can, or another node sends. */
  readonly trouble: string | null
}

export interface SiemAdministration {
  /** One for each target; none: the configuration names none. */
  readonly facts: () => Promise<readonly SiemFacts[]>
}
