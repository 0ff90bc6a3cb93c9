// The fake of Key Protect and IAM as a process of its own: `npm run key-protect-fake`. Loopback only.
//
//     --port N           Key Protect; IAM is on the next port and the control door on the one after (8443; 0: free ones)
//     --folder DIR       where ca.pem, api-key and the state are kept (./key-protect-fake); a restart goes on with them
//     --kmip-for-vmware  a fake of the old KMIP service beside it, on the third port after (8446), for rehearsals of `adopt probe`
//     --json             one line of JSON when it serves, nothing else on standard output
//     --end-with-input   ends when its standard input does, as tests want it

import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { makeCertificate } from '../certificates/certificates.ts'
import { basicConstraints, extendedKeyUsage, keyUsage, subjectAltNames } from '../../../src/core/pki/build.ts'
import { privateKeyPem } from '../../../src/core/pki/issue.ts'
import { argumentsOf, misused } from '../../../scripts/arguments.ts'
import { createControl } from './control.ts'
import { createKey } from './keys.ts'
import { KmipForVmware } from './kmip-for-vmware.ts'
import { Listener, Traffic } from './listener.ts'
import { newServiceId, State } from './state.ts'

const usage = 'key-protect-fake -- [--port N] [--folder DIR] [--kmip-for-vmware] [--json]'
const help = `
A fake of IBM Key Protect and IAM on 127.0.0.1, to try Mortise with: docs/try-key-protect.md.

  --port N           where Key Protect is; IAM is on the next port, the control door on the one after (default: 8443; 0: free ones)
  --folder DIR       where ca.pem, api-key and the state are kept (default: ./key-protect-fake); a restart goes on with them
  --kmip-for-vmware  run a fake of IBM's KMIP for VMware too, on the port after these, whose keys are standard keys in the fake
  --json             print one line of JSON when it serves, and nothing else
`

const { values } = argumentsOf(
  usage,
  {
    options: {
      port: { type: 'string', default: '8443' },
      folder: { type: 'string', default: 'key-protect-fake' },
      'kmip-for-vmware': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      'end-with-input': { type: 'boolean', default: false },
    },
  },
  help,
)

const host = '127.0.0.1'
const folder = path.resolve(values.folder)
const inFolder = (name: string) => path.join(folder, name)
const port = Number(values.port)
const portMax = 65_535 - 3
if (!/^\d+$/.test(values.port) || port > portMax)
  misused(usage, `--port takes a number up to ${portMax}, not ${values.port}`)
process.on('uncaughtException', (error) => {
  // What the system refuses is the user's to mend; anything else is a bug.
  process.stderr.write(`The fake cannot run: ${'syscall' in error ? error.message : error.stack}\n`)
  process.exit(1)
})
mkdirSync(folder, { recursive: true, mode: 0o700 })
const state = new State(inFolder('state.json'))
const tls = await certificate()
const start = begin()
const traffic = new Traffic()
const shared = { tls, host, state, traffic }
const keyProtect = new Listener({ ...shared, kind: 'keyProtect', port })
const iam = new Listener({ ...shared, kind: 'iam', port: port === 0 ? 0 : port + 1 })
await keyProtect.up()
await iam.up()
const kmipForVmware = values['kmip-for-vmware']
  ? await KmipForVmware.open({ state, instance: start.instance, inFolder }, tls, port === 0 ? 0 : port + 3)
  : undefined
const control = createControl({ state, traffic, listeners: { keyProtect, iam }, kmipForVmware })
control.listen(port === 0 ? 0 : port + 2, host)
await once(control, 'listening')
const about = {
  keyProtect: `${host}:${keyProtect.port}`,
  iamUrl: `https://${host}:${iam.port}`,
  control: `http://${host}:${(control.address() as AddressInfo).port}`,
  caFile: inFolder('ca.pem'),
  ...start,
  ...(kmipForVmware && { kmipForVmware }),
}
process.stdout.write(values.json ? `${JSON.stringify(about)}\n` : forPeople())
process.on('exit', () => state.saveWhatIsLeft())
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
if (values['end-with-input']) process.stdin.on('end', () => process.exit(0)).resume()

/** A CA of its own and a certificate for localhost, made once. */
async function certificate(): Promise<{ cert: string; key: string }> {
  if (!existsSync(inFolder('tls.key'))) {
    const ca = await makeCertificate({
      commonName: 'CA of a Key Protect fake',
      extensions: [basicConstraints(true), keyUsage('ca')],
      key: 'ec',
      ownKey: true,
      toDays: 3650,
    })
    const leaf = await makeCertificate({
      commonName: 'localhost',
      extensions: [
        basicConstraints(false),
        extendedKeyUsage('serverAuth'),
        subjectAltNames(['localhost', host]),
      ],
      key: 'ec',
      ownKey: true,
      issuer: ca,
      toDays: 3650,
    })
    writeFileSync(inFolder('ca.pem'), ca.certificate.pem)
    writeFileSync(inFolder('tls.pem'), leaf.certificate.pem)
    writeFileSync(inFolder('tls.key'), privateKeyPem(leaf.privateKey), { mode: 0o600 })
  }
  return { cert: readFileSync(inFolder('tls.pem'), 'utf8'), key: readFileSync(inFolder('tls.key'), 'utf8') }
}

/** What people begin with: an instance, a root key with the alias `mortise`, a reader for Mortise, and a manager. */
function begin(): { instance: string; apiKeyFile: string; managerApiKeyFile: string } {
  const { contents } = state
  const instance = contents.instances[0] ?? '3b1d2c44-6a5f-4c7e-9d1a-0f2e4b8c7a61'
  const files = { apiKeyFile: inFolder('api-key'), managerApiKeyFile: inFolder('manager-api-key') }
  if (contents.instances.length === 0) {
    contents.instances.push(instance)
    const reader = newServiceId([{ instance, roles: ['Reader'] }])
    const manager = newServiceId([{ instance, roles: ['Manager', 'KeyPurge'] }])
    contents.serviceIds.push(reader, manager)
    for (const [file, { apiKey }] of [
      [files.apiKeyFile, reader],
      [files.managerApiKeyFile, manager],
    ] as const) {
      writeFileSync(file, `${apiKey}\n`, { mode: 0o600 })
      chmodSync(file, 0o600)
    }
    const body = {
      metadata: { collectionType: 'application/vnd.ibm.kms.key+json', collectionTotal: 1 },
      resources: [
        {
          type: 'application/vnd.ibm.kms.key+json',
          name: 'mortise root key',
          aliases: ['mortise'],
          extractable: false,
        },
      ],
    }
    createKey({
      state,
      instance,
      caller: manager,
      keyRing: undefined,
      prefer: undefined,
      query: new URLSearchParams(),
      body: Buffer.from(JSON.stringify(body)),
    })
    state.saveNow()
  }
  return { instance, ...files }
}

function forPeople(): string {
  return `A fake of IBM Key Protect at https://${about.keyProtect}, with IAM at ${about.iamUrl}.
What goes wrong, and when, is yours to say: ${about.control}, see docs/try-key-protect.md.

For Mortise:

  export MORTISE_IBM_IAM_URL=${about.iamUrl}
  export MORTISE_IBM_CA_FILE=${about.caFile}
  export MORTISE_IBM_API_KEY_FILE=${about.apiKeyFile}

The service ID may read there. To keep keys in Key Protect itself (custody keyprotect) it must be Manager:

  export MORTISE_IBM_API_KEY_FILE=${about.managerApiKeyFile}

The root key: ${rootKey()}
${kmipForVmware ? forProbe(kmipForVmware) : ''}`
}

function rootKey(): string {
  return `keyprotect://${about.keyProtect}/${about.instance}/mortise`
}

function forProbe({ address, apiKeyFile, certFile, keyFile }: KmipForVmware): string {
  return `
The old service, KMIP for VMware, at ${address}. Its keys are standard keys in this Key Protect. The probe:

  npm run -s mortise -- adopt probe --root-key ${rootKey()} \\
    --api-key-file ${apiKeyFile} \\
    --kmip ${address} --cert ${certFile} \\
    --key ${keyFile} --ca ${about.caFile}
`
}
