// Names and descriptions of standard keys. The owner reads them in a list, and the service shows nothing else of a deleted key.
// Mortise never trusts them: a description may close a key, or request another root key, but it opens nothing.

import { createHash } from 'node:crypto'
import type { ClosedState, Marker, MarkerSays } from './rules.ts'

/** All names that Mortise gives at a service begin with it. */
export const namePrefix = 'mortise-'

/** The name by which an owner finds the key of one disk to delete it. */
export function standardKeyName(identifier: string): string {
  if (/^[A-Za-z0-9_.-]{1,82}$/.test(identifier)) return `${namePrefix}${identifier}`
  return `${namePrefix}${createHash('sha256').update(identifier).digest('hex').slice(0, 40)}`
}

export function markerName(instanceId: string): string {
  return standardKeyName(`marker-${instanceId}`)
}

export interface KeyDescription {
  readonly instanceId: string
  /** The root key that wrapped its content. */
  readonly rootKeyId: string
  readonly generation: number
  readonly closing: ClosedState | null
}

export interface MarkerDescription extends Pick<Marker, 'number' | 'epoch' | 'rootKeyId' | 'says'> {
  readonly instanceId: string
}

export type StandardKeyDescription =
  ({ readonly kind: 'key' } & KeyDescription) | ({ readonly kind: 'marker' } & MarkerDescription)

export function describeKey({ instanceId, rootKeyId, generation, closing }: KeyDescription): string {
  const closed = closing === null ? '' : `, closed ${closing}`
  return `mortise 2 key, instance ${instanceId}, root key ${rootKeyId}, generation ${generation}${closed}`
}

export function describeMarker({ instanceId, rootKeyId, number, epoch, says }: MarkerDescription): string {
  const where = says.way === 'stays' ? 'stays' : `${says.way} ${says.place}`
  return `mortise 2 marker ${number}, instance ${instanceId}, root key ${rootKeyId}, epoch ${epoch}, ${where}`
}

/** Parses a description that Mortise wrote; undefined for any other. */
export function readDescription(description: string): StandardKeyDescription | undefined {
  const key = keyForm.exec(description)?.groups
  if (key) {
    const { instanceId = '', rootKeyId = '', generation, closing = null } = key
    const closed = closing as ClosedState | null
    return { kind: 'key', instanceId, rootKeyId, generation: Number(generation), closing: closed }
  }
  const marker = markerForm.exec(description)?.groups
  if (!marker) return undefined
  const { number, instanceId = '', rootKeyId = '', epoch, way, place = '' } = marker
  const says: MarkerSays = way === 'to' || way === 'from' ? { way, place } : { way: 'stays', place: '' }
  return { kind: 'marker', instanceId, rootKeyId, number: Number(number), epoch: Number(epoch), says }
}

const keyForm =
  /^mortise 2 key, instance (?<instanceId>\S{1,60}), root key (?<rootKeyId>\S{1,60}), generation (?<generation>[1-9]\d{0,8})(?:, closed (?<closing>Deactivated|Compromised))?$/

const markerForm =
  /^mortise 2 marker (?<number>[1-9]\d{0,11}), instance (?<instanceId>\S{1,60}), root key (?<rootKeyId>\S{1,60}), epoch (?<epoch>\d{1,12}), (?:stays|(?<way>to|from) (?<place>\S{1,60}))$/
