// The version of a message, and the rules for reading it. The header has the version at a fixed place, so it is known before
// anything is decoded, even if nothing else can be decoded.

import { headerBytes, itemTypes } from '../ttlv/wire.ts'
import { tagCode } from './tags.ts'
import type { TagName } from './tags.ts'
import { ordinal, versionOf, versions } from './version.ts'
import type { Version } from './version.ts'

export interface Dialect {
  readonly version: Version
  /**
   * KMIP 1.4 §11.1: refuse unknown fields in a message of a version that we know; ignore them in one of a later minor
   * version.
   */
  readonly unknownFields: 'refuse' | 'ignore'
}

/** The version that the header states. Undefined if the bytes do not begin like such a message. */
export function statedVersion(
  bytes: Uint8Array,
  message: TagName,
  header: TagName,
): { readonly major: number; readonly minor: number } | undefined {
  if (bytes.length < minorAt + 2 * headerBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const match =
    view.getUint32(0) === structureOf(message) &&
    view.getUint32(headerBytes) === structureOf(header) &&
    view.getUint32(2 * headerBytes) === versionStart &&
    view.getUint32(majorAt) === majorStart &&
    view.getUint32(minorAt) === minorStart
  if (!match) return undefined
  return { major: view.getInt32(majorAt + headerBytes), minor: view.getInt32(minorAt + headerBytes) }
}

/**
 * The version and rules for a stated version. A later minor version is read as the newest known one. Undefined for an unknown
 * major version.
 */
export function dialectFor(stated: { readonly major: number; readonly minor: number }): Dialect | undefined {
  const { major, minor } = stated
  if (minor < 0 || minor >= 100) return undefined
  const version = versionOf(major * 100 + minor)
  if (version !== undefined) return { version, unknownFields: 'refuse' }
  const newest = versions.findLast((known) => known.startsWith(`${major}.`))
  return newest === undefined ? undefined : { version: newest, unknownFields: 'ignore' }
}

export function protocolVersionOf(version: Version): {
  readonly ProtocolVersionMajor: number
  readonly ProtocolVersionMinor: number
} {
  const number = ordinal(version)
  return { ProtocolVersionMajor: Math.trunc(number / 100), ProtocolVersionMinor: number % 100 }
}

const structureOf = (tag: TagName) => tagCode(tag) * 256 + itemTypes.Structure
const versionStart = structureOf('ProtocolVersion')
const majorStart = tagCode('ProtocolVersionMajor') * 256 + itemTypes.Integer
const minorStart = tagCode('ProtocolVersionMinor') * 256 + itemTypes.Integer

const majorAt = 3 * headerBytes
const minorAt = majorAt + 2 * headerBytes
