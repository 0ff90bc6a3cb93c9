// Discover Versions (KMIP 1.1 §4.26): the versions that both sides support, newest first. All versions if the client
// names none; an empty list if there is no common one.

import type { Version } from '../kmip/version.ts'
import type { Handler } from './handler.ts'
import { served } from './served.ts'

export const discoverVersions: Handler<'DiscoverVersions'> = async (_context, request) => {
  const offered = request.ProtocolVersion.map(
    ({ ProtocolVersionMajor, ProtocolVersionMinor }) =>
      `${String(ProtocolVersionMajor)}.${String(ProtocolVersionMinor)}`,
  )
  const both = [...served].filter((version: Version) => offered.length === 0 || offered.includes(version))
  return { ProtocolVersion: both.toReversed().map(wireVersion) }
}

function wireVersion(version: Version) {
  const [ProtocolVersionMajor = 0, ProtocolVersionMinor = 0] = version.split('.').map(Number)
  return { ProtocolVersionMajor, ProtocolVersionMinor }
}
