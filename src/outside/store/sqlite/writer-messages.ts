// The messages between the thread that serves requests and the writer's thread. Types only.

import type { KeyObject } from 'node:crypto'
import type { AnchorUse, AnchorVerdict } from '../../../core/ports/anchor.ts'
import type { Change, StoreConflict, WriteHealth, StoreUnavailable } from '../../../core/ports/store.ts'

/** The writer's thread receives this when it starts. */
export interface WriterData {
  readonly file: string
  /** Names the writer in the audit chain. */
  readonly writer: string
  readonly openedMs: number
  readonly reserveBytes: number
  readonly destroyedGoneMs: number
}

export interface WriterJob {
  readonly id: number
  readonly change: Change
}

/** A job in a message to the writer's thread. `entries`: JSON, which costs a third of copying the objects to the other thread. */
export interface PostedJob {
  readonly id: number
  readonly change: Omit<Change, 'entries'>
  readonly entries: string
}

export type ToWriter =
  | { readonly type: 'jobs'; readonly jobs: readonly PostedJob[] }
  | { readonly type: 'anchor'; readonly key: KeyObject; readonly how: AnchorUse }
  /** From now on the writer signs marks with this key. */
  | { readonly type: 'marks'; readonly key: KeyObject }
  | { readonly type: 'close' }

export type WriterOutcome =
  | { readonly id: number; readonly type: 'done' }
  | {
      readonly id: number
      readonly type: 'conflict'
      readonly what: StoreConflict['what']
      readonly message: string
    }
  | {
      readonly id: number
      readonly type: 'unavailable'
      readonly why: StoreUnavailable['why']
      readonly message: string
    }
  | { readonly id: number; readonly type: 'bug'; readonly message: string }

export type FromWriter =
  | { readonly type: 'open'; readonly health: WriteHealth }
  | { readonly type: 'refused'; readonly why: StoreUnavailable['why']; readonly message: string }
  | { readonly type: 'outcomes'; readonly outcomes: readonly WriterOutcome[] }
  | { readonly type: 'anchor'; readonly verdict: AnchorVerdict }
  | { readonly type: 'anchor-failed'; readonly message: string }
  | { readonly type: 'health'; readonly health: WriteHealth }
  /** Sent before the database is open: says what the writer does to it. */
  | { readonly type: 'notice'; readonly message: string }
  /** A trouble that people should know of, although the writer refuses nothing. */
  | { readonly type: 'trouble'; readonly message: string }
