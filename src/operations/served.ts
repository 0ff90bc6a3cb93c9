// The protocol versions that this server answers. The tables of kmip/ include more.

import type { Version } from '../kmip/version.ts'

/** From oldest to newest. */
export const servedVersions = ['1.0', '1.1', '1.2', '1.3', '1.4'] as const satisfies readonly Version[]

export function isServed(version: Version): boolean {
  return (servedVersions as readonly Version[]).includes(version)
}

export const newestServed: Version = '1.4'
