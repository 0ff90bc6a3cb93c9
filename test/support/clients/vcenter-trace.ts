// Recorded conversations of real vCenters, from the folder beside the project where it is there: loads them as
// sessions, tells which sessions ran at the same time, and puts our identifiers where the recorded ones were.

import { readFileSync } from 'node:fs'
import {
  enumeration,
  find,
  inside,
  mapLeaves,
  numberOf,
  operations,
  read,
  struct,
  tags,
  text,
  textOf,
  types,
  write,
  type Item,
} from './wire.ts'

export interface Exchange {
  readonly request: Item
  /** What that vCenter's server answered; undefined where nothing was recorded. */
  readonly recorded: Item | undefined
}

export interface Session {
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  /** False where the recorded server broke off the handshake, since it did not know the certificate yet. */
  readonly trusted: boolean
  /** Empty: handshake and close without a byte, which is how vCenter asks for health. */
  readonly exchanges: readonly Exchange[]
}

interface RecordedMessage {
  readonly dir: '>' | '<'
  readonly hex: string
}

interface RecordedSession {
  readonly session: string
  readonly start: string
  readonly end: string
  readonly tls: string | null
  readonly messages: readonly RecordedMessage[]
}

/** Reads a list of sessions, or a flat list of messages in which each connection begins as vCenter begins it. */
export function loadTrace(file: string): Session[] {
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as readonly (RecordedSession | RecordedMessage)[]
  const sessions = recorded.filter((entry) => 'messages' in entry)
  if (sessions.length > 0)
    return sessions.map(({ session, start, end, tls, messages }) => ({
      name: session,
      startMs: timeOf(start),
      endMs: timeOf(end),
      trusted: tls !== 'handshake-failed',
      exchanges: pair(messages),
    }))
  const exchanges = pair(recorded.filter((entry) => 'hex' in entry))
  const first = exchanges.flatMap(({ request }, index) => (beginsConnection(request) ? [index] : []))
  return first.map((begin, index) => ({
    name: String(index + 1),
    startMs: index,
    endMs: index,
    trusted: true,
    exchanges: exchanges.slice(begin, first[index + 1]),
  }))
}

/**
 * The same conversation of a vCenter that was given a user name and a password for the key server: they stand in the
 * header of Create, Get, Get Attributes of the State, and Activate, and in no other message.
 */
export function withCredential(sessions: readonly Session[]): Session[] {
  return sessions.map((session) => ({
    ...session,
    exchanges: session.exchanges.map(({ request, recorded }) => ({
      request: addCredential(request),
      recorded,
    })),
  }))
}

function addCredential(request: Item): Item {
  const item = find(request, 'BatchItem')
  const operation = numberOf(find(item, 'Operation'))
  const ofState = textOf(find(item, 'RequestPayload', 'AttributeName')) === 'State'
  const { Create, Get, Activate, GetAttributes } = operations
  if (
    operation !== Create &&
    operation !== Get &&
    operation !== Activate &&
    !(operation === GetAttributes && ofState)
  )
    return request
  const credential = struct(
    'Authentication',
    struct(
      'Credential',
      enumeration('CredentialType', 1),
      struct('CredentialValue', text('Username', 'vSphere'), text('Password', 'password')),
    ),
  )
  const [header, ...rest] = inside(request)
  const [version, ...others] = inside(header)
  if (!header || !version) throw new Error('a recorded request without header')
  return struct('RequestMessage', struct('RequestHeader', version, credential, ...others), ...rest)
}

/** vCenter's first message on a connection: Discover Versions without Unique Batch Item ID. */
function beginsConnection(request: Item): boolean {
  const item = find(request, 'BatchItem')
  return (
    numberOf(find(item, 'Operation')) === operations.DiscoverVersions &&
    find(item, 'UniqueBatchItemID') === undefined
  )
}

function pair(messages: readonly RecordedMessage[]): Exchange[] {
  return messages.flatMap(({ dir, hex }, index) => {
    if (dir !== '>') return []
    const bytes = Buffer.from(hex, 'hex')
    const request = read(bytes)
    if (!write(request).equals(bytes))
      throw new Error(`recorded request ${index} does not read and write alike`)
    const next = messages[index + 1]
    return [{ request, recorded: next?.dir === '<' ? read(Buffer.from(next.hex, 'hex')) : undefined }]
  })
}

function timeOf(text: string): number {
  return Date.parse(`${text.replace(' ', 'T').replace(',', '.')}Z`)
}

/** Runs each session once all that had ended before it began have ended; so those that overlapped do so again. */
export async function inRecordedOrder(
  sessions: readonly Session[],
  run: (session: Session) => Promise<void>,
): Promise<void> {
  const running = new Map<Session, Promise<void>>()
  for (const session of sessions) {
    const before = [...running].filter(([other]) => other.endMs <= session.startMs).map(([, ended]) => ended)
    running.set(
      session,
      Promise.all(before).then(() => run(session)),
    )
  }
  const results = await Promise.allSettled(running.values())
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** The request with our identifiers; those that nobody made in this conversation are asked from `missing`. */
export async function withOurIdentifiers(
  request: Item,
  known: Map<string, string>,
  missing: (recorded: string) => Promise<string>,
): Promise<Item> {
  for (const identifier of identifiersIn(request))
    if (!known.has(identifier)) known.set(identifier, await missing(identifier))
  return mapLeaves(request, (leaf) =>
    leaf.tag === tags.UniqueIdentifier && leaf.type === types.TextString
      ? { ...leaf, value: known.get(textOf(leaf) ?? '') ?? leaf.value }
      : leaf,
  )
}

function identifiersIn(item: Item): string[] {
  return inside(item).flatMap((inner) =>
    inner.tag === tags.UniqueIdentifier ? [textOf(inner) ?? ''] : identifiersIn(inner),
  )
}
