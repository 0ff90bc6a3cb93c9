// A fake of a service of root keys as a process of its own, for tests: `main.ts SERVICE FOLDER`. It prints one line of JSON when
// it serves, and ends when its standard input does. Loopback only; it protects nothing.

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { basicConstraints, extendedKeyUsage, keyUsage, subjectAltNames } from '../../../src/core/pki/build.ts'
import { privateKeyPem } from '../../../src/core/pki/issue.ts'
import { makeCertificate } from '../certificates/certificates.ts'
import { openControlDoor } from '../fakes/control-door.ts'
import { CloudListener, type CloudFault } from './listener.ts'
import type { FakeService } from './service.ts'
import { AwsKmsService } from './aws-kms.ts'
import { AzureKvService } from './azure-kv.ts'
import { GcpKmsService } from './gcp-kms.ts'
import { VaultService } from './vault.ts'

const services: Readonly<Record<string, () => FakeService>> = {
  vault: () => new VaultService(),
  'aws-kms': () => new AwsKmsService(),
  'azure-kv': () => new AzureKvService(),
  'gcp-kms': () => new GcpKmsService(),
}

const [name = '', folder = ''] = process.argv.slice(2)
const service = services[name]?.()
if (!service) throw new Error(`a service is one of ${Object.keys(services).join(', ')}`)
mkdirSync(folder, { recursive: true, mode: 0o700 })
const caFile = path.join(folder, 'ca.pem')
const listener = new CloudListener(service, await certificate())
await listener.up()
// The same without TLS, as the metadata services of clouds are.
const metadata = new CloudListener(service)
await metadata.up()
const at = (port: number) => `127.0.0.1:${port}`
const about = {
  host: at(listener.port),
  metadata: at(metadata.port),
  control: await openControlDoor(act),
  caFile,
}
process.stdout.write(`${JSON.stringify(about)}\n`)

async function act(command: string, body: Record<string, unknown>): Promise<unknown> {
  switch (command) {
    case 'fault':
      return listener.fault(body as unknown as CloudFault)
    case 'calm':
      listener.calm()
      return listener.up()
    case 'down':
      return listener.down()
    case 'advance':
      for (const one of [listener, metadata]) one.clockOffsetMs += Number(body['seconds']) * 1000
      return null
    case 'calls':
      return listener.calls
    case 'forget-calls':
      listener.calls = []
      return null
    default:
      return service?.command(command, body, listener.nowMs())
  }
}

/** A CA of its own and a certificate for localhost. */
async function certificate(): Promise<{ cert: string; key: string }> {
  const shared = { key: 'ec', ownKey: true, toDays: 3650 } as const
  const extensions = [basicConstraints(true), keyUsage('ca')]
  const ca = await makeCertificate({ ...shared, commonName: 'CA of a fake', extensions })
  const leaf = await makeCertificate({
    ...shared,
    commonName: 'localhost',
    extensions: [
      basicConstraints(false),
      extendedKeyUsage('serverAuth'),
      subjectAltNames(['localhost', '127.0.0.1']),
    ],
    issuer: ca,
  })
  writeFileSync(caFile, ca.certificate.pem)
  return { cert: leaf.certificate.pem, key: privateKeyPem(leaf.privateKey).toString() }
}
