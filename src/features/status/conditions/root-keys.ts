// Conditions of root keys: their files on this machine, and whether the root key of each instance answers.

import { isRootKeyFile } from '../../../base/root-key-file.ts'
import type { RootKeyTrouble } from '../../../core/server/readiness-facts.ts'
import { hpcsEnd, moveToKeyProtect } from '../../../core/instances/hpcs-end.ts'
import type { CommonFacts } from '../../../core/conditions/conditions.ts'
import type { RootKeys } from '../../../core/ports/root-keys.ts'
import type { RootKeyCopy, ServerNotes } from '../../../core/sealing/server-notes.ts'
import { conditionsAlone } from '../../../doors/http/feature.ts'
import type { Machine, RootKeyFileFacts } from '../../../core/server/machine.ts'
import {
  instanceName,
  serverOccurrence,
  type ConditionLines,
  type Occurrence,
} from '../../../core/conditions/line.ts'

export interface RootKeyNeeds {
  readonly machine: Pick<Machine, 'rootKeyFiles'>
  readonly notes: Pick<ServerNotes, 'read'>
  readonly rootKeys: Pick<RootKeys, 'initial'>
}

export interface RootKeyFacts extends CommonFacts {
  /** The files of the root keys of the server and of instances, each once. */
  readonly rootKeyFiles: readonly RootKeyFileFacts[]
  readonly rootKeyCopies: readonly RootKeyCopy[]
  /** The URI of the root key of the server itself. */
  readonly serverRootKeyUri: string
}

export const rootKeyConditions = {
  'root-key-not-copied': {
    severity: 'critical',
    meaning:
      'A root key is a file on this machine, and no administrator said or proved that there is a copy elsewhere. Without the file, every key in the database is lost.',
    action:
      'Copy the file to a place apart from this machine and its backups. Then: mortise root-key verify-copy FILE, or mortise root-key copied --root-key URI.',
    find: ({ rootKeyFiles, rootKeyCopies }) =>
      rootKeyFiles
        .filter(({ id }) => id !== null && !rootKeyCopies.some(({ rootKeyId }) => rootKeyId === id))
        .map(({ path, uri }) => serverOccurrence(`no copy of the root key ${path} is known`, uri)),
  },
  'root-key-open': {
    severity: 'critical',
    meaning:
      'Other users of this machine may read or change a root key file. Mortise sets the mode of a file that it owns to 0600 when it starts, and warns that it did; this one belongs to another user, or the disk is read-only.',
    action:
      'Run chmod 600 as the owner of the file. A Kubernetes secret cannot have that mode with a group (fsGroup): copy it into a volume of its own in an init container.',
    find: ({ rootKeyFiles }) =>
      rootKeyFiles.flatMap(({ path, uri, mode }) =>
        mode === null || (mode & 0o077) === 0
          ? []
          : [
              serverOccurrence(
                `other users may read or change the root key ${path} (mode ${octal(mode)})`,
                uri,
              ),
            ],
      ),
  },
  'root-key-file': {
    severity: 'critical',
    meaning:
      'A root key file is missing, damaged, or another one. This is a fault: keys in memory are served for a bounded time, and the server does not start again without the file.',
    action: 'Bring the file, or its copy, back to its place now, and do not stop the server before.',
    find: (facts) => [...lostFiles(facts), ...troubled(facts, 'unreachable', isRootKeyFile)],
  },
  'root-key-unreachable': {
    severity: 'critical',
    meaning:
      'The service of a root key does not answer. Its instance is served from memory for a bounded time (`outageSeconds`), and not at all after that.',
    action: 'Check the service or the token, and the network to it. The server asks again by itself.',
    find: (facts) => troubled(facts, 'unreachable', (uri) => !isRootKeyFile(uri)),
  },
  'root-key-withdrawn': {
    severity: 'critical',
    meaning:
      'The service of a root key refused it, or our access to it. The keys of its instance are not served.',
    action:
      'If your organization did not intend that, enable or restore the root key where it is kept, or give Mortise its access back: the role, policy or credential that it has there (Key Protect, HPCS, a cloud, Vault), or the PIN of the token. The reason says which; mortise root-key check URI tries it on the machine of the server.',
    find: (facts) => troubled(facts, 'withdrawn'),
  },
  'root-key-failing': {
    severity: 'critical',
    meaning: 'The keys of an instance do not open, for a reason other than its root key.',
    action: 'Read the log: it has the reason in full.',
    find: (facts) => troubled(facts, 'failing'),
  },
  'hpcs-ends': {
    severity: 'warning',
    rises: 'critical',
    meaning:
      "A root key is in Hyper Protect Crypto Services, whose instances IBM deletes on 2027-03-28 (another page of IBM's says 2027-03-20). Keys under it open no more after that day. From 30 days before the earlier date on, the condition is critical.",
    action: moveToKeyProtect('NAME'),
    find: hpcsEnds,
  },
} as const satisfies ConditionLines<RootKeyFacts>

/** Each look at a disk takes a bounded time. */
export async function rootKeyFacts(
  { machine, notes, rootKeys }: RootKeyNeeds,
  common: CommonFacts,
): Promise<RootKeyFacts> {
  const serverRootKeyUri = rootKeys.initial
  const instances = [...common.trust.tables.instance.values()]
  const uris = new Set([serverRootKeyUri, ...instances.map(({ rootKeyUri }) => rootKeyUri)])
  return {
    ...common,
    rootKeyFiles: await machine.rootKeyFiles([...uris].filter(isRootKeyFile)),
    rootKeyCopies: (await notes.read('root-key-copies')) ?? [],
    serverRootKeyUri,
  }
}

export const rootKeyState = conditionsAlone({
  conditions: rootKeyConditions,
  facts: rootKeyFacts,
})

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}

/** The file of the server's own root key, also if no instance uses it. */
function lostFiles({ rootKeyFiles, serverRootKeyUri }: RootKeyFacts): readonly Occurrence[] {
  return rootKeyFiles
    .filter((file): file is RootKeyFileFacts & { problem: string } => file.problem !== null)
    .filter(({ uri }) => uri === serverRootKeyUri)
    .map(({ problem, uri }) =>
      serverOccurrence(`the root key of the server is a file that cannot be used: ${problem}`, uri),
    )
}

function troubled(
  { trust: { tables }, readiness: { degraded, reasons } }: RootKeyFacts,
  kind: RootKeyTrouble,
  concerns: (uri: string) => boolean = () => true,
): readonly Occurrence[] {
  return [...degraded]
    .filter(([instanceId, trouble]) => {
      return trouble === kind && concerns(tables.instance.get(instanceId)?.rootKeyUri ?? '')
    })
    .map(([instanceId, trouble]): Occurrence => {
      const uri = tables.instance.get(instanceId)?.rootKeyUri ?? ''
      const phrase =
        isRootKeyFile(uri) && trouble === 'unreachable' ? 'is a file that cannot be used' : phrases[trouble]
      const reason = reasons.get(instanceId) ?? 'the log says why'
      return {
        instanceId,
        about: trouble,
        message: `the root key of the instance ${instanceName(tables, instanceId)} ${phrase}: ${reason}`,
      }
    })
}

const phrases: Record<RootKeyTrouble, string> = {
  unreachable: 'cannot be reached',
  withdrawn: 'was withdrawn, or our access to it, and its keys are not served',
  failing: 'does not open its keys',
}

function hpcsEnds({ nowMs, trust: { tables }, serverRootKeyUri }: RootKeyFacts): readonly Occurrence[] {
  const own = hpcsEnd(serverRootKeyUri, {
    nowMs,
    whose: 'the server',
    way: 'The root key of the server itself cannot be changed: restore a backup into a new server with another one.',
  })
  const instances = [...tables.instance.values()].flatMap(
    ({ id, name, rootKeyUri }): readonly Occurrence[] => {
      const end = hpcsEnd(rootKeyUri, { nowMs, whose: `the instance ${name}`, way: moveToKeyProtect(name) })
      return end ? [{ instanceId: id, about: '', ...end }] : []
    },
  )
  return [...(own ? [{ instanceId: null, about: serverRootKeyUri, ...own }] : []), ...instances]
}
