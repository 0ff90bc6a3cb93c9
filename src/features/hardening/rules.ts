// The rules of `mortise hardening`: what of the machine lets others reach keys, and what to do about it. Pure.

import { isLoopback } from '../../base/loopback.ts'
import { shellWord } from '../../base/text/shell-word.ts'

export interface HardeningFacts {
  readonly dataFolder: string
  /** The folder, and the files in it and elsewhere that hold secrets. */
  readonly files: readonly FileFacts[]
  /** The process that has the database open; null: none was found. */
  readonly server: ServerProcessFacts | null
  /** Areas of swap; null: this system does not tell. */
  readonly swap: readonly { readonly name: string; readonly encrypted: boolean }[] | null
  /** kernel.yama.ptrace_scope; null: this system does not tell. */
  readonly ptraceScope: number | null
  /** Whether the disk of the data folder is encrypted by this machine; null: not visible from here. */
  readonly diskEncrypted: boolean | null
  /** Where the admin API listens. */
  readonly adminHost: string
}

export interface FileFacts {
  readonly path: string
  /** The permission bits; null: it cannot be looked at. */
  readonly mode: number | null
  readonly uid: number | null
}

export interface ServerProcessFacts {
  readonly pid: number
  readonly uid: number
  /** Bytes of a core dump that it may leave. */
  readonly coreBytes: number
}

export interface HardeningFinding {
  readonly id: keyof typeof rules
  readonly state: 'good' | 'bad' | 'unknown'
  /** One sentence, without its end. */
  readonly says: string
  /** The advice; null unless it is bad. */
  readonly action: string | null
}

type Verdict = Omit<HardeningFinding, 'id'>

const rules = {
  user: ({ server }: HardeningFacts) => {
    if (!server) return unknown('no server has this data folder open, so its user is not known')
    if (server.uid !== 0) return good(`the server runs as user ${String(server.uid)}, not as root`)
    return bad(
      'the server runs as root',
      'Run it as a user of its own, who owns nothing but the data folder. The Debian package does so.',
    )
  },
  files: ({ files, dataFolder }: HardeningFacts) => {
    if (files.some(({ path, mode }) => path === dataFolder && mode === null))
      return unknown(`${dataFolder} is not there, or this user may not look at it: is it the data folder?`)
    const open = files.filter(({ mode }) => mode !== null && (mode & 0o077) !== 0)
    if (open.length === 0) return good(`only their owner can read ${dataFolder} and the files with secrets`)
    const named = open.map(({ path, mode }) => `${path} (${octal(mode)})`).join(', ')
    return bad(
      `others than the owner may use ${named}`,
      `chmod go= ${open.map(({ path }) => shellWord(path)).join(' ')}`,
    )
  },
  owners: ({ files, server }: HardeningFacts) => {
    if (!server)
      return unknown('no server has this data folder open, so who should own its files is not known')
    const foreign = files.filter(({ uid }) => uid !== null && uid !== 0 && uid !== server.uid)
    if (foreign.length === 0) return good('the files with secrets belong to the server’s user or to root')
    return bad(
      `files with secrets belong to another user than the server: ${foreign.map(({ path }) => path).join(', ')}`,
      `chown ${String(server.uid)} ${foreign.map(({ path }) => shellWord(path)).join(' ')}`,
    )
  },
  swap: ({ swap }: HardeningFacts) => {
    if (swap === null) return unknown('this system does not tell whether it swaps')
    const plain = swap.filter(({ encrypted }) => !encrypted)
    if (swap.length === 0) return good('nothing is swapped to a disk')
    if (plain.length === 0) return good('swap is encrypted')
    return bad(
      `keys in memory may be swapped to ${plain.map(({ name }) => name).join(', ')}, which is not encrypted`,
      'Turn swap off (swapoff -a, and in /etc/fstab), encrypt it, or set MemorySwapMax=0 in the unit.',
    )
  },
  'core-dumps': ({ server }: HardeningFacts) => {
    if (!server) return unknown('no server has this data folder open, so whether it dumps core is not known')
    if (server.coreBytes === 0) return good('the server leaves no core dump')
    return bad(
      'a crash of the server writes its memory, keys included, to a disk',
      'Set LimitCORE=0 in the unit (ulimit -c 0 in a shell), and restart the server.',
    )
  },
  ptrace: ({ ptraceScope }: HardeningFacts) => {
    if (ptraceScope === null) return unknown('this system does not tell who may look into processes')
    if (ptraceScope >= 1) return good('other processes of the same user may not look into the server')
    return bad(
      'any process of the same user may read the memory of the server',
      'sysctl kernel.yama.ptrace_scope=1, and in /etc/sysctl.d to keep it.',
    )
  },
  disk: ({ diskEncrypted, dataFolder }: HardeningFacts) => {
    if (diskEncrypted === null)
      return unknown(`whether the disk of ${dataFolder} is encrypted is not visible from here`)
    if (diskEncrypted) return good(`the disk of ${dataFolder} is encrypted`)
    return bad(
      `the disk of ${dataFolder} is not encrypted by this machine`,
      'Put it on an encrypted volume (LUKS), unless the storage below encrypts it; with the root key in a file without a passphrase, a thief of the disk has the keys.',
    )
  },
  admin: ({ adminHost }: HardeningFacts) => {
    if (isLoopback(adminHost)) return good('the admin API listens on this machine only')
    return bad(
      `the admin API listens on ${adminHost}, where others reach it`,
      'Set admin.listen to 127.0.0.1:5697 and come through SSH, or let a firewall pass administrators only.',
    )
  },
} as const satisfies Record<string, (facts: HardeningFacts) => Verdict>

export function findingsOf(facts: HardeningFacts): readonly HardeningFinding[] {
  return Object.entries(rules).map(([id, rule]) => ({ id: id as HardeningFinding['id'], ...rule(facts) }))
}

function good(says: string): Verdict {
  return { state: 'good', says, action: null }
}

function bad(says: string, action: string): Verdict {
  return { state: 'bad', says, action }
}

function unknown(says: string): Verdict {
  return { state: 'unknown', says, action: null }
}

function octal(mode: number | null): string {
  return (mode ?? 0).toString(8).padStart(4, '0')
}
