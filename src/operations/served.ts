// The protocol versions that this server answers. The tables of kmip/ include more.

import type { Version } from '../kmip/version.ts'

/** From oldest to newest. */
export const served: ReadonlySet<Version> = new Set<Version>(['1.0', '1.1', '1.2', '1.3', '1.4'])

export const newestServed: Version = '1.4'
