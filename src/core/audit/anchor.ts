// The anchor: the bytes of its slots, and the comparison with the database. Pure. outside/store/audit/anchor-keeper.ts decides
// when to write it. docs/decisions/anchor.md has the reasons.

import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { Anchor, AnchorPosition, AnchorVerdict, Timeline } from '../ports/anchor.ts'
import type { WriterHead } from '../ports/audit.ts'

/** The store's content at one moment, for the comparison with an anchor. */
export interface StoreFacts {
  readonly trustVersion: number
  /** The number of the last checkpoint. 0: there is none. */
  readonly lastCheckpoint: number
  /** The SHA-256 of the checkpoint that the anchor names. Null: the store lacks it. */
  readonly checkpointSha256: string | null
  /** One element for each head of the anchor, in its order. */
  readonly heads: readonly HeadFacts[]
  readonly timeline?: Timeline
}

interface HeadFacts {
  /** The number of the writer's last entry. 0: the store does not know the writer. */
  readonly last: number
  /** The hash of the entry that the anchor names. Null: the store lacks it. */
  readonly hash: string | null
  /** Entries up to this number were pruned. */
  readonly prunedTo: number
}

/** Each slot has a block of its own, so that a torn write of one leaves the other intact. */
export const anchorSlotBytes = 4096

const format = 'mortise anchor 1'

/** A whole slot: three lines (the format, the anchor as JSON, its MAC), then zeros. */
export function encodeSlot(anchor: Anchor, key: KeyObject): Buffer {
  const { sequence, trustVersion, checkpoint, heads, marks, timeline } = anchor
  const text = `${format}\n${JSON.stringify({ sequence, trustVersion, checkpoint, heads, marks, timeline })}\n`
  const slot = Buffer.alloc(anchorSlotBytes)
  const line = `${text}${macOf(text, key).toString('hex')}\n`
  if (Buffer.byteLength(line) > anchorSlotBytes) throw new Error('the anchor does not fit its slot')
  slot.write(line)
  return slot
}

/** The valid anchor with the highest sequence, and the number of its slot. Undefined if no slot is valid. */
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
  return { marks: null, ...(JSON.parse(body) as Omit<Anchor, 'marks'> & Partial<Pick<Anchor, 'marks'>>) }
}

function macOf(text: string, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/**
 * Compares the store with its anchor. `slots`: null if there is no file. `needed`: the file must exist. `facts` reads the store's
 * facts for the newest valid anchor. `replaced`: the keys that the owner replaced by accepting the store.
 */
export function judgeAnchor(
  slots: readonly Uint8Array[] | null,
  key: KeyObject,
  needed: boolean,
  facts: (anchor: Anchor) => StoreFacts,
  replaced: readonly KeyObject[] = [],
): AnchorVerdict {
  if (slots === null) return { state: needed ? 'missing' : 'new' }
  const newest = newestAnchor(slots, key)
  if (!newest) {
    const before = replaced.findIndex((old) => newestAnchor(slots, old))
    return before < 0 ? { state: 'unreadable' } : { state: 'accepted-elsewhere', replaced: before }
  }
  const { anchor } = newest
  const findings = compare(anchor, facts(anchor))
  return findings.length === 0 ? { state: 'agrees', anchor } : { state: 'older', anchor, findings }
}

function compare(anchor: Anchor, facts: StoreFacts): readonly string[] {
  const findings: string[] = []
  if (anchor.timeline && isBehind(facts.timeline, anchor.timeline))
    findings.push(
      `the database server is on timeline ${facts.timeline?.number}, and was on ${anchor.timeline.number}: it is an old primary ` +
        'that a replica has replaced, so let this node reach that one instead',
    )
  if (facts.trustVersion < anchor.trustVersion)
    findings.push(`trust is at version ${facts.trustVersion}, and was at ${anchor.trustVersion}`)
  findings.push(...compareCheckpoint(anchor.checkpoint, facts))
  for (const [index, head] of anchor.heads.entries())
    findings.push(...compareHead(head, facts.heads[index] ?? { last: 0, hash: null, prunedTo: 0 }))
  return findings
}

/** Whether one timeline was replaced by the other. A server on the replaced one may not know it. */
export function isBehind(one: Timeline | null | undefined, other: Timeline | null | undefined): boolean {
  return !!one && !!other && one.cluster === other.cluster && one.number < other.number
}

function compareCheckpoint(mark: AnchorPosition['checkpoint'], facts: StoreFacts): readonly string[] {
  if (mark === null || facts.checkpointSha256 === mark.sha256) return []
  if (facts.checkpointSha256 !== null)
    return [`checkpoint ${mark.number} of the audit log is not the one that was signed`]
  return [`the last checkpoint of the audit log is ${facts.lastCheckpoint}, and was ${mark.number}`]
}

/** If entries were pruned beyond the entry that the anchor names, the signed checkpoints decide (`audit verify`). */
function compareHead({ writer, number, hash }: WriterHead, facts: HeadFacts): readonly string[] {
  if (facts.hash === hash || facts.prunedTo > number) return []
  if (facts.last < number)
    return [`the last audit entry of writer ${writer} is ${facts.last}, and was ${number}`]
  return [`audit entry ${number} of writer ${writer} is not the one that was written, or is missing`]
}
