// The proxy before vcsim as a process of its own, for tests: `main.ts OPTIONS`, where OPTIONS is JSON (VcsimAddress). It prints one
// line of JSON when it serves, and ends when its standard input does. Loopback only; it protects nothing.

import { basicConstraints, extendedKeyUsage, subjectAltNames } from '../../../src/core/pki/build.ts'
import { makeCertificate } from '../certificates/certificates.ts'
import { openControlDoor } from '../fakes/control-door.ts'
import { HostKeys, hostMethods, type CryptoState } from './hosts.ts'
import { keyMethods } from './key-methods.ts'
import { KeyServers } from './key-servers.ts'
import { ProxyListener, type ListenerIdentity } from './listener.ts'
import { diskMethods, propertyMethods } from './properties.ts'
import { Privileges, withPrivileges } from './privileges.ts'
import { providerMethods } from './provider-methods.ts'
import { Providers } from './providers.ts'
import { recryptMethods } from './recrypt.ts'
import type { Ref } from './soap.ts'
import { statusMethods } from './status-methods.ts'
import type { Trouble } from './troubles.ts'
import { VcsimClient, type KeyId, type VcsimAddress } from './vcsim-client.ts'
import { vsanMethods } from './vsan-methods.ts'

interface MadeIdentity extends ListenerIdentity {
  readonly sha256: string
}

const vcsim = new VcsimClient(JSON.parse(process.argv[2] ?? '') as VcsimAddress)
const hostKeys = new HostKeys()
const keyServers = new KeyServers()
const known = new Map<string, KeyId>()
const diskKeys = new Map<string, KeyId>()
const providers = new Providers(vcsim)
const services = { vcsim, providers, keyServers, hostKeys, known }
const identity = await makeIdentity()
let shown = identity
const privileges = new Privileges()
const methods = {
  ...providerMethods(services),
  ...statusMethods(services),
  ...keyMethods(services),
  ...recryptMethods(services),
  ...hostMethods(services),
  ...vsanMethods(services),
  ...propertyMethods(hostKeys),
  ...diskMethods(diskKeys),
}
const listener = new ProxyListener(vcsim, withPrivileges(methods, privileges), { identity, renew })
const port = await listener.listen()
const about = {
  host: '127.0.0.1',
  port,
  sha256: identity.sha256,
  certificate: identity.cert,
  control: await openControlDoor(act),
}
process.stdout.write(`${JSON.stringify(about)}\n`)

async function act(command: string, body: Record<string, unknown>): Promise<unknown> {
  switch (command) {
    case 'trouble':
      return listener.troubles.add(body as unknown as Trouble)
    case 'calm':
      return listener.troubles.calm()
    case 'calls':
      return listener.calls
    case 'forget-calls':
      listener.calls = []
      return null
    case 'end-sessions':
      return vcsim.endSessions()
    case 'certificate':
      listener.changeCertificate(await renew())
      return shownCertificate(shown)
    case 'shown':
      return shownCertificate(shown)
    case 'privileges':
      return privileges.lack(body['lacks'] as readonly string[], body['on'] as Ref | undefined)
    case 'host-state':
      return hostKeys.set(body['host'] as Ref, body['state'] as CryptoState, body['key'] as KeyId | undefined)
    case 'disk-key':
      return void diskKeys.set(body['disk'] as string, body['key'] as KeyId)
    case 'lock':
      return hostKeys.lock(body['vm'] as Ref, body['locked'] !== false)
    case 'violations':
      return keyServers.runLog.violations.map(({ where, what }) => `${where}: ${what}`)
    default:
      throw new Error(`there is no command ${command}`)
  }
}

/** The certificate that is shown from now on. */
async function renew(): Promise<MadeIdentity> {
  shown = await makeIdentity()
  return shown
}

function shownCertificate({ sha256, cert }: MadeIdentity) {
  return { sha256, certificate: cert }
}

async function makeIdentity(): Promise<MadeIdentity> {
  const { certificate, tls } = await makeCertificate({
    key: 'ec',
    ownKey: true,
    commonName: 'vcenter.example.test',
    extensions: [
      basicConstraints(false),
      extendedKeyUsage('serverAuth'),
      subjectAltNames(['localhost', '127.0.0.1']),
    ],
  })
  return { cert: tls.cert, key: tls.key, sha256: certificate.sha256 }
}
