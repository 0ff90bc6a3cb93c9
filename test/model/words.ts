// What is asked and answered, in words that serve every version: the model takes and gives them as they are, and play.ts turns
// them into messages.

import type { ObjectType } from './rules.ts'

export interface Given {
  readonly key: string
  readonly value: unknown
}

export interface Instance {
  readonly index: number
  readonly value: unknown
}

// prettier-ignore
export type Op = 'Create' | 'Register' | 'ReKey' | 'Get' | 'GetAttributes' | 'GetAttributeList' | 'AddAttribute' | 'SetAttribute' | 'ModifyAttribute'
  | 'DeleteAttribute' | 'AdjustAttribute' | 'Activate' | 'Revoke' | 'Destroy' | 'Archive' | 'Recover' | 'ObtainLease' | 'Check'
  | 'GetUsageAllocation' | 'Locate' | 'Query'

/** One batch item. Each operation takes its own fields. */
export interface Asked {
  readonly op: Op
  /** Left out: the object of the ID Placeholder. */
  readonly id?: string | undefined
  readonly type?: ObjectType
  readonly given?: readonly Given[]
  readonly offset?: number | undefined
  readonly keys?: readonly string[]
  readonly key?: string
  readonly value?: unknown
  /** Which instance: by index in 1.x, by value in 2.x. */
  readonly index?: number | undefined
  readonly current?: unknown
  readonly by?: number | 'negate'
  readonly code?: string
  readonly mask?: number
  readonly count?: bigint
  readonly lease?: number
  readonly wanted?: readonly Given[]
  readonly storage?: number | undefined
  readonly most?: number | undefined
  readonly skip?: number | undefined
  readonly fresh?: boolean | undefined
}

export type Answer =
  | { readonly status: 'Success'; readonly payload: Payload }
  | { readonly status: 'OperationFailed'; readonly reasons: readonly string[] }
  | { readonly status: 'OperationUndone' }

export type Payload = Readonly<Record<string, unknown>>
