// How many bytes of a TCP connection the other machine has not acknowledged yet, as Linux tells in /proc/net/tcp. Syslog has no
// answers: this is the only sign that a receiver's machine has what was sent.

import { readFile } from 'node:fs/promises'

export interface Ends {
  readonly localPort: number
  readonly remotePort: number
}

/** null: this system does not tell, or does not know the connection. */
export async function unacknowledgedBytes(ends: Ends): Promise<number | null> {
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '')
    const found = waitingIn(text, ends)
    if (found !== null) return found
  }
  return null
}

/** `table`: the text of /proc/net/tcp. Addresses are left out: a port of this machine is bound once for each other end. */
export function waitingIn(table: string, { localPort, remotePort }: Ends): number | null {
  for (const line of table.split('\n')) {
    const [, local, remote, , queues] = line.trim().split(/\s+/)
    if (portOf(local) === localPort && portOf(remote) === remotePort)
      return Number.parseInt(queues?.split(':')[0] ?? '', 16)
  }
  return null
}

function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':').at(-1) ?? '', 16)
}
