// All attacks, by name: what each does, and what it must not bring about. One line is one more attack for
// `npm run fuzz:wire` and for `npm test`.

import { adminHandshakes } from './admin-handshakes.ts'
import { longBodies, publicDocuments, viewerBodies, viewerReads } from './admin-loads.ts'
import { crowdPending } from './crowded-pending.ts'
import { freshCertificates } from './fresh-certificates.ts'
import { costlyChains, costlyChainsUnfinished, loopbackAddresses, smallChains } from './handshakes.ts'
import { idleAdmin } from './idle-admin.ts'
import { largeTexts } from './large-texts.ts'
import { longBatches } from './long-batches.ts'
import type { Attack } from './target.ts'
import { showUnreadable } from './unreadable-certificates.ts'

/** What is borne while an attack goes on, beside what trial.ts demands under each of them. */
export interface Bounds {
  /** The victim's p50 on a connection that it keeps, as a multiple of what it was before. */
  readonly keptP50Times?: number
  /** The victim's p95 on that connection, as a multiple of what it was before; less than `keptP95Ms` is always borne. */
  readonly keptP95Times?: number
  readonly keptP95Ms?: number
  /** The victim's p99 on a fresh connection. */
  readonly freshP99Ms?: number
  /** The part of a processor that the server uses from a second after the attack on; 0.2 if left out. */
  readonly busyAfter?: number
  /** What the server's memory (RSS) grows by, until the attack has ended. */
  readonly growthMB?: number
}

export interface KnownAttack {
  readonly what: string
  readonly attack: Attack
  readonly bounds: Bounds
}

/** Clients of other instances must not notice the attack either. */
const unnoticed = { keptP95Times: 5, keptP95Ms: 40, growthMB: 200 }

export const attacks = {
  'small-chains': {
    what: 'chains of 355 small certificates',
    attack: smallChains({ addresses: loopbackAddresses(1), atOnce: 4 }),
    bounds: { growthMB: 100 },
  },
  'costly-chains': {
    what: 'chains of certificates that are costly to verify, from one address',
    attack: costlyChains({ addresses: loopbackAddresses(1), atOnce: 4 }),
    bounds: { freshP99Ms: 1_000 },
  },
  'costly-chains-of-many': {
    what: 'chains of certificates that are costly to verify, from eight addresses',
    attack: costlyChains({ addresses: loopbackAddresses(8), atOnce: 4 }),
    bounds: { freshP99Ms: 1_000 },
  },
  'costly-chains-unfinished': {
    what: 'costly chains of peers that leave before the handshake is done',
    attack: costlyChainsUnfinished({ addresses: loopbackAddresses(8), atOnce: 4 }),
    bounds: { freshP99Ms: 1_000 },
  },
  'long-batches': {
    what: 'batches of 1,000 Locates on 100 connections, half of which close at once',
    attack: longBatches,
    bounds: { keptP50Times: 5 },
  },
  'fresh-certificates': {
    what: 'a fresh certificate with each connection',
    attack: freshCertificates,
    bounds: {},
  },
  'unreadable-certificates': {
    what: 'certificates with thousands of names, deep names and dates that are none',
    attack: showUnreadable,
    bounds: {},
  },
  'crowded-pending': {
    what: 'sixty addresses that fill the list of pending clients',
    attack: crowdPending,
    bounds: {},
  },
  'idle-admin': {
    what: '300 connections to the admin API that send nothing, opened again when they are closed',
    attack: idleAdmin,
    bounds: { keptP50Times: 5, growthMB: 100 },
  },
  'admin-handshakes': {
    what: '128 connections of eight addresses that do nothing but handshakes with the admin API',
    attack: adminHandshakes,
    bounds: unnoticed,
  },
  'long-bodies': {
    what: '40 connections that send a MiB of JSON with 85,000 unknown fields to a public route of the admin API',
    attack: longBodies,
    bounds: unnoticed,
  },
  'viewer-bodies': {
    what: 'a viewer who sends on 16 connections MiBs of JSON with 85,000 unknown fields, of empty lists, and of 20,000 identifiers',
    attack: viewerBodies,
    bounds: unnoticed,
  },
  'viewer-reads': {
    what: 'a viewer who asks for /metrics and /api/v1/audit?limit=1000 on 16 connections',
    attack: viewerReads,
    bounds: unnoticed,
  },
  'public-documents': {
    what: 'eight connections that ask for /api/openapi.json and /api/docs',
    attack: publicDocuments,
    bounds: unnoticed,
  },
  'large-texts': {
    what: 'four clients of one instance that send messages of 4 MiB in XML and JSON',
    attack: largeTexts,
    // A message that has arrived when its client leaves may be read to its end.
    bounds: { ...unnoticed, busyAfter: 0.6 },
  },
} as const satisfies Record<string, KnownAttack>

export type AttackName = keyof typeof attacks
