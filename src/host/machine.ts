// The conditions ask this machine for its root key files and the room on its disk. Part of the composition root.

import { statfs } from 'node:fs/promises'
import type { Machine, RootKeyFileFacts } from '../core/server/machine.ts'
import type { Clock } from '../core/ports/clock.ts'
import { inspectRootKeyFile } from '../outside/rootkey/file.ts'
import type { RootKeyFileReads } from '../outside/rootkey/file-reads.ts'
import { BoundedLook } from './bounded-look.ts'

/** Asks this machine for its facts. The answers come in a bounded time, also while a disk does not answer. */
export function thisMachine(
  dataFolder: string,
  {
    clock,
    reads,
    ...rest
  }: Pick<Machine, 'adminCertificate' | 'auditKeepDays'> & {
    readonly clock: Clock
    readonly reads: RootKeyFileReads
  },
): Machine {
  const files = new Map<string, BoundedLook<RootKeyFileFacts>>()
  const inspect = async (uri: string): Promise<RootKeyFileFacts> => {
    const look = files.get(uri) ?? new BoundedLook(clock, () => inspectRootKeyFile(uri, dataFolder, reads))
    files.set(uri, look)
    return (await look.now())?.answer ?? silentFile(uri, look.last)
  }
  const room = new BoundedLook(clock, async () => {
    const { bavail, bsize } = await statfs(dataFolder)
    return bavail * bsize
  })
  return {
    ...rest,
    rootKeyFiles: (uris) => {
      for (const uri of files.keys()) if (!uris.includes(uri)) files.delete(uri)
      return Promise.all(uris.map(inspect))
    },
    // If the disk does not answer, its last answer counts. If it never answered, no shortage is reported.
    freeBytes: async () => (await room.now())?.answer ?? room.last ?? Infinity,
  }
}

function silentFile(uri: string, last: RootKeyFileFacts | undefined): RootKeyFileFacts {
  const path = last?.path ?? uri
  const problem = `the disk of ${path} does not answer`
  return { uri, path, problem, id: null, mode: null, hasPassphrase: last?.hasPassphrase ?? false }
}
