// The requests of a load run and their shares: `get=9,create=1`. The messages are vSphere's own, except for Locate.

import type { OperationName } from '../../wire/kmip/operations.ts'
import * as messages from './messages.ts'

/** A key that the run made beforehand. */
export interface BenchKey {
  readonly id: string
  /** Empty if no step of the run needs it. */
  readonly name: string
}

export interface BenchStep {
  /** Names it in the report. */
  readonly name: string
  readonly operation: OperationName
  readonly needs?: 'key' | 'named key'
  /** Returns the same bytes each time for the same key. */
  readonly message: (key: BenchKey) => Buffer
}

/** A piece of work: its steps follow each other on one connection. */
export interface BenchWork {
  readonly title: string
  readonly steps: readonly BenchStep[]
  /** Each piece of this work needs a connection of its own. */
  readonly perWork: boolean
}

const created = messages.create().bytes
const discovered = messages.discoverVersions(false).bytes
const queried = messages.queryServerInformation().bytes

const get: BenchStep = {
  name: 'get',
  operation: 'Get',
  needs: 'key',
  message: ({ id }) => messages.get(id).bytes,
}
const discover: BenchStep = {
  name: 'discover',
  operation: 'DiscoverVersions',
  message: () => discovered,
}

export const benchWorks = {
  get: work('Get of a key', get),
  create: work('Create of an AES-256 key', {
    name: 'create',
    operation: 'Create',
    message: () => created,
  }),
  state: work("Get Attributes of a key's State", {
    name: 'state',
    operation: 'GetAttributes',
    needs: 'key',
    message: ({ id }) => messages.getAttributes(id, 'State').bytes,
  }),
  locate: work('Locate of a key by its Name', {
    name: 'locate',
    operation: 'Locate',
    needs: 'named key',
    message: ({ name }) => messages.locateByName(name).bytes,
  }),
  discover: work('Discover Versions', discover),
  query: work('Query of the server', {
    name: 'query',
    operation: 'Query',
    message: () => queried,
  }),
  connect: { title: 'a connection without a byte', steps: [], perWork: true },
  task: {
    title: "vCenter's task: connect, Discover Versions, Get, close",
    steps: [discover, get],
    perWork: true,
  },
} satisfies Record<string, BenchWork>

function work(title: string, step: BenchStep): BenchWork {
  return { title, steps: [step], perWork: false }
}

export type BenchName = keyof typeof benchWorks
/** The share of each request, in whole numbers. */
export type Mix = ReadonlyMap<BenchName, number>

const partsMax = 1_000

/** Parses text like `get=9,create=1`, or `get`. Otherwise says what is wrong with it. */
export function parseMix(text: string): { readonly mix: Mix } | { readonly wrong: string } {
  const mix = new Map<BenchName, number>()
  for (const part of text.split(',')) {
    const [, name = '', share = '1'] = /^\s*([a-z]+)\s*(?:=\s*(\d{1,4})\s*)?$/.exec(part) ?? []
    if (!isBenchName(name)) return { wrong: `there is no operation named "${part.trim()}"` }
    if (mix.has(name)) return { wrong: `${name} occurs twice` }
    if (Number(share) === 0) return { wrong: `${name}=0 is not a share: leave it out` }
    mix.set(name, Number(share))
  }
  const parts = [...mix.values()].reduce((sum, share) => sum + share, 0)
  return parts > partsMax ? { wrong: `the shares add up to more than ${partsMax}` } : { mix }
}

export function mixText(mix: Mix): string {
  return [...mix].map(([name, share]) => `${name}=${share}`).join(',')
}

/** One round, in which each request occurs according to its share, spread as evenly as possible. */
export function roundOf(mix: Mix): readonly BenchName[] {
  const entries = [...mix].map(([name, share]) => ({ name, share, due: 0 }))
  const parts = entries.reduce((sum, { share }) => sum + share, 0)
  return Array.from({ length: parts }, () => {
    for (const entry of entries) entry.due += entry.share
    const next = entries.reduce((most, entry) => (entry.due > most.due ? entry : most))
    next.due -= parts
    return next.name
  })
}

function isBenchName(name: string): name is BenchName {
  return Object.hasOwn(benchWorks, name)
}
