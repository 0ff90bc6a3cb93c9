// The conditions ask this machine for its root key files and the room on its disk. Part of the composition root.

import { statfs } from 'node:fs/promises'
import type { Machine } from '../admin/conditions/facts.ts'
import { inspectRootKeyFile } from '../rootkey/file.ts'

export function thisMachine(
  dataFolder: string,
  rest: Pick<Machine, 'adminCertificate' | 'auditKeepDays'>,
): Machine {
  return {
    ...rest,
    rootKeyFiles: (uris) => Promise.all(uris.map((uri) => inspectRootKeyFile(uri, dataFolder))),
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(dataFolder)
      return bavail * bsize
    },
  }
}
