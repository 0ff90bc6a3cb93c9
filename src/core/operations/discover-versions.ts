// Discover Versions (KMIP 1.1 §4.26): the common versions of both sides, newest first. All versions if the client names none; an
// empty list if there is no common one.

import { protocolVersionOf } from '../../wire/kmip/dialect.ts'
import type { Handler } from './handler.ts'

export const discoverVersions: Handler<'DiscoverVersions'> = async ({ server }, request) => {
  const offered = request.ProtocolVersion.map(
    ({ ProtocolVersionMajor, ProtocolVersionMinor }) =>
      `${String(ProtocolVersionMajor)}.${String(ProtocolVersionMinor)}`,
  )
  const both = server.versions.filter((version) => offered.length === 0 || offered.includes(version))
  return { ProtocolVersion: both.toReversed().map(protocolVersionOf) }
}
