// What is asked and answered, in words that serve every version. test/support/model turns them into messages.

import type { ObjectType } from './rules.ts'

export type Payload = Readonly<Record<string, unknown>>
export type Given = Readonly<{ key: string; value: unknown }>
export type Instance = Readonly<{ index: number; value: unknown }>

// prettier-ignore
export type Op = 'Create' | 'Register' | 'ReKey' | 'Get' | 'GetAttributes' | 'GetAttributeList' | 'AddAttribute' | 'SetAttribute' | 'ModifyAttribute'
  | 'DeleteAttribute' | 'AdjustAttribute' | 'Activate' | 'Revoke' | 'Destroy' | 'Archive' | 'Recover' | 'ObtainLease' | 'Check'
  | 'GetUsageAllocation' | 'Locate' | 'Query'

type Fields<Name extends string, Value> = { readonly [N in Name]?: Value | undefined }

/** One batch item. Each operation takes its own fields; without an id, it is about the object of the ID Placeholder. */
export interface Asked
  extends
    Fields<'id' | 'key' | 'code', string>,
    Fields<'offset' | 'mask' | 'lease' | 'storage' | 'most' | 'skip' | 'index', number>,
    Fields<'given' | 'wanted', readonly Given[]> {
  readonly op: Op
  readonly type?: ObjectType
  readonly keys?: readonly string[]
  readonly value?: unknown
  /** The instance that is meant, in 2.x. In 1.x the index names it. */
  readonly current?: unknown
  readonly by?: number | 'negate'
  readonly count?: bigint
  readonly fresh?: boolean | undefined
}

export type Answer =
  | { readonly status: 'Success'; readonly payload: Payload }
  | { readonly status: 'OperationFailed'; readonly reasons: readonly string[] }
  | { readonly status: 'OperationUndone' }
