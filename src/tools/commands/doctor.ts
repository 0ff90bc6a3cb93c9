// `mortise doctor`: examines a key server, Mortise or another one, as vCenter would connect to it. It does not need the
// admin API; where that answers, it adds what is wrong with root keys.

import { diagnose, type DoctorOptions } from '../vsphere/doctor.ts'
import { verb, type Run } from '../../doors/cli/command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import type { DoctorFinding } from '../vsphere/doctor-findings.ts'
import { diagnosisText } from './doctor-text.ts'
import { readClientPair } from '../../doors/cli/client-pair.ts'

import {
  addressesOf,
  readCredential,
  serverTrustFlags,
  serverTrustOf,
  type ServerTrustOptions,
} from '../../doors/cli/kmip-server.ts'
import { interruptible } from '../../doors/cli/watch-work.ts'
import { UsageError, type Flags, type User, type World } from '../../doors/cli/world.ts'

interface Options extends ServerTrustOptions {
  readonly cert?: string
  readonly key?: string
  readonly credentialFile?: string
  readonly writeTest?: boolean
  readonly admin?: string
  readonly data?: string
  readonly config?: string
  readonly profile?: string
}

export interface AskedServer {
  /** The user said which server to ask, so it must answer. Otherwise there may be none. */
  readonly isNamed: boolean
  /** The configuration of the server on this machine; undefined: it may be on another. */
  readonly local: Flags | undefined
}

/** Finds what is wrong with root keys, where the server is a Mortise that this command can ask. */
export type FindRootKeyFaults = (
  run: Pick<Run, 'client' | 'world'>,
  server: AskedServer,
) => Promise<readonly DoctorFinding[]>

export const doctorCommand = (rootKeyFindings: FindRootKeyFaults) =>
  verb<Options>({
    words: 'doctor <host:port...>',
    summary: 'connect to each address of a key provider as vCenter would; report problems and remedies',
    flags: [
      [
        '--cert <pem>',
        "client certificate, vCenter's or one of yours; without it the doctor asks only whether KMIP is spoken there",
      ],
      ['--key <pem>', 'its private key'],
      ['--credential-file <file>', 'USER:PASSWORD in its first line, for a provider that has them'],
      [
        '--write-test',
        'create a test key, use it at all addresses, and destroy it (on a terminal you are asked); needs Revoke and Destroy (Mortise: --allow vsphere,Revoke,Destroy)',
      ],
      ...serverTrustFlags,
    ],
    examples: [
      'doctor kms.example.com',
      'doctor 10.0.0.1 10.0.0.2 --cert client.pem --key client.key --write-test',
      'doctor kms.example.com:5696 --cert client.pem --key client.key --json',
    ],
    action: async (run, options, ...words) => {
      const doctorOptions = await optionsOf(run.world, options, words.flat())
      const ofServer = await rootKeyFindings(run, askedServer(run.world.user, options))
      const examined = await diagnose({
        ...doctorOptions,
        writeTest: await mayWrite(run.world, run.json, options),
        toItsEnd: interruptible,
      })
      const ok = examined.ok && ofServer.every(({ severity }) => severity !== 'fault')
      const diagnosis = { ...examined, ok, findings: [...examined.findings, ...ofServer] }
      run.show(diagnosis, () => diagnosisText(diagnosis, run.world.stdout))
      return diagnosis.ok ? 0 : 1
    },
  })

/** Which server `run.client()` asks (connect.ts), and whether it is this machine's. */
function askedServer({ environment }: User, { admin, data, config, profile }: Options): AskedServer {
  const isLocal =
    !isSet(admin, profile) && (isSet(data, config) || !isSet(environment.admin, environment.profile))
  return { isNamed: isSet(admin, data, profile), local: isLocal ? { data, config } : undefined }
}

function isSet(...values: readonly unknown[]): boolean {
  return values.some((value) => value !== undefined)
}

async function optionsOf(
  world: World,
  options: Options,
  hosts: readonly string[],
): Promise<Omit<DoctorOptions, 'writeTest'>> {
  const { cert, key, credentialFile, ca, fingerprint, insecure } = options
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key belong together')
  if (options.writeTest === true && cert === undefined)
    throw new UsageError('--write-test needs --cert and --key')
  return {
    addresses: addressesOf(hosts.join(','), 'doctor'),
    client: cert === undefined || key === undefined ? undefined : await readClientPair(world, cert, key),
    credential: credentialFile === undefined ? undefined : await readCredential(credentialFile),
    // A password goes only to a server that the caller has said how to recognize.
    trust: isSet(ca, fingerprint, insecure, credentialFile) ? await serverTrustOf(world, options) : undefined,
    nowMs: Date.now(),
  }
}

/** Whether the user permits the write test: by the flag, or when asked on a terminal. */
async function mayWrite(world: World, json: boolean, { writeTest, cert }: Options): Promise<boolean> {
  if (writeTest === true) return true
  if (cert === undefined || json || world.stdin.isTTY !== true) return false
  const question =
    'Create a test key, use it at all addresses, and destroy it? It stays in the list as destroyed. Type yes: '
  return confirmTyped(world, question, ['yes', 'y'])
}
