// An alert says that a condition has begun to hold, has become more severe, or holds no more.

import type { Severity } from '../../core/conditions/line.ts'

/** A condition as the table has it, or a test. */
export interface AlertSubject {
  readonly id: string
  readonly severity: Severity
  readonly instanceId: string | null
  /** Tells it from others with the same id and instance. */
  readonly about: string
  readonly message: string
  /** The advice: what a person does about it. */
  readonly action: string
}

/** The conditions that a look found. `isWhole`: no others hold; otherwise they may. */
export interface Sight {
  readonly conditions: readonly AlertSubject[]
  readonly isWhole: boolean
}

export interface Alert extends AlertSubject {
  /** Equal in all alerts of one condition, so that a receiver knows which one ends. */
  readonly key: string
  /** `test`: an administrator tries whether alerts arrive. */
  readonly event: 'begun' | 'worse' | 'ended' | 'test'
  readonly atMs: number
}

/** Where an alert comes from. */
export interface AlertOrigin {
  /** The name of the node. */
  readonly node: string
  readonly version: string
}

/** Names one condition: two with the same key are the same one, whatever their severity and message. */
export function conditionKey({
  id,
  instanceId,
  about,
}: Pick<AlertSubject, 'id' | 'instanceId' | 'about'>): string {
  return JSON.stringify([id, instanceId, about])
}
