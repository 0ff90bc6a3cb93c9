// The anchor: the bytes of its slots, and what it means when the database does not agree with it. Pure;
// store/anchor-keeper.ts decides when to write it. Why it is as it is: docs/decisions/anchor.md.

import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { Anchor, AnchorPosition, AnchorVerdict } from '../ports/anchor.ts'
import type { WriterHead } from '../ports/audit.ts'

/** What the store holds, read at one moment, to be compared with an anchor. */
export interface StoreFacts {
  readonly trustVersion: number
  /** The number of the last checkpoint; 0 when there is none. */
  readonly lastCheckpoint: number
  /** The SHA-256 of the checkpoint that the anchor names; null when it is not there. */
  readonly checkpointSha256: string | null
  /** For each head of the anchor, in its order. */
  readonly heads: readonly HeadFacts[]
}

interface HeadFacts {
  /** The number of the writer's last entry; 0 when the store does not know the writer. */
  readonly last: number
  /** The hash of the entry that the anchor names; null when it is not there. */
  readonly hash: string | null
  /** Entries up to this number were pruned. */
  readonly prunedTo: number
}

/** A slot has a block of its own, so that a torn write of one leaves the other whole. */
export const anchorSlotBytes = 4096

const format = 'mortise anchor 1'

/** A whole slot: the format, the anchor as JSON, its MAC, a line each; zeros to the end. */
export function encodeSlot(anchor: Anchor, key: KeyObject): Buffer {
  const { sequence, trustVersion, checkpoint, heads } = anchor
  const text = `${format}\n${JSON.stringify({ sequence, trustVersion, checkpoint, heads })}\n`
  const slot = Buffer.alloc(anchorSlotBytes)
  const line = `${text}${macOf(text, key).toString('hex')}\n`
  if (Buffer.byteLength(line) > anchorSlotBytes) throw new Error('the anchor does not fit its slot')
  slot.write(line)
  return slot
}

/** The valid anchor with the highest sequence, and the slot it lies in; undefined when no slot is valid. */
export function newestAnchor(
  slots: readonly Uint8Array[],
  key: KeyObject,
): { readonly anchor: Anchor; readonly slot: number } | undefined {
  return slots
    .flatMap((bytes, slot) => {
      const anchor = decodeSlot(bytes, key)
      return anchor ? [{ anchor, slot }] : []
    })
    .toSorted((a, b) => b.anchor.sequence - a.anchor.sequence)
    .at(0)
}

const slotForm = new RegExp(`^(${format}\\n(.*)\\n)([0-9a-f]{64})\\n\\0*$`)

function decodeSlot(bytes: Uint8Array, key: KeyObject): Anchor | undefined {
  const [, text, body, mac] = slotForm.exec(Buffer.from(bytes).toString('latin1')) ?? []
  if (text === undefined || body === undefined || mac === undefined) return undefined
  if (!timingSafeEqual(Buffer.from(mac, 'hex'), macOf(text, key))) return undefined
  return JSON.parse(body) as Anchor
}

function macOf(text: string, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/**
 * `slots`: null when there is no file. `needed`: there must be one. `facts` reads the store, to be compared with the
 * anchor that counts.
 */
export function judgeAnchor(
  slots: readonly Uint8Array[] | null,
  key: KeyObject,
  needed: boolean,
  facts: (anchor: Anchor) => StoreFacts,
): AnchorVerdict {
  if (slots === null) return { state: needed ? 'missing' : 'new' }
  const found = newestAnchor(slots, key)
  if (!found) return { state: 'unreadable' }
  const { anchor } = found
  const findings = compare(anchor, facts(anchor))
  return findings.length === 0 ? { state: 'agrees', anchor } : { state: 'older', anchor, findings }
}

function compare(anchor: Anchor, facts: StoreFacts): readonly string[] {
  const findings: string[] = []
  if (facts.trustVersion < anchor.trustVersion)
    findings.push(`trust is at version ${facts.trustVersion}, and was at ${anchor.trustVersion}`)
  findings.push(...compareCheckpoint(anchor.checkpoint, facts))
  for (const [index, head] of anchor.heads.entries())
    findings.push(...compareHead(head, facts.heads[index] ?? { last: 0, hash: null, prunedTo: 0 }))
  return findings
}

function compareCheckpoint(mark: AnchorPosition['checkpoint'], facts: StoreFacts): readonly string[] {
  if (mark === null || facts.checkpointSha256 === mark.sha256) return []
  if (facts.checkpointSha256 !== null)
    return [`checkpoint ${mark.number} of the audit log is another one than was signed`]
  return [`the last checkpoint of the audit log is ${facts.lastCheckpoint}, and was ${mark.number}`]
}

/** Where entries were pruned beyond the one that the anchor names, the signed checkpoints judge (`audit verify`). */
function compareHead({ writer, number, hash }: WriterHead, facts: HeadFacts): readonly string[] {
  if (facts.hash === hash || facts.prunedTo > number) return []
  if (facts.last < number)
    return [`the last audit entry of writer ${writer} is ${facts.last}, and was ${number}`]
  return [`audit entry ${number} of writer ${writer} is another one than was written, or is missing`]
}
