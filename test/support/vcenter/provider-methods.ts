// The methods of CryptoManagerKmip that change providers, and those about certificates, which vcsim lacks. Generating replaces
// nothing; updating puts into use, and takes only what was generated last.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import { vcenterName } from '../../../src/tools/vsphere/untrusted-client.ts'
import { certificateInfo } from './certificate-info.ts'
import {
  isSuccess,
  own,
  passed,
  requiredText,
  type Methods,
  type PassedAnswer,
  type SoapCall,
} from './calls.ts'
import { lookAtServer, trusts } from './key-servers.ts'
import { newIdentity, readPem, type ClientIdentity, type KeyProvider, type Providers } from './providers.ts'
import { invalidArgument } from './soap.ts'
import type { VcsimClient } from './vcsim-client.ts'
import { at, changed, childrenOf, element, localName, textAt, type Xml } from './xml.ts'

interface ProviderServices {
  readonly vcsim: VcsimClient
  readonly providers: Providers
}

export function providerMethods(services: ProviderServices): Methods {
  return {
    RegisterKmipServer: passed((call) => registerServer(services, call)),
    UpdateKmipServer: passed((call) => updateServer(services, call)),
    UnregisterKmsCluster: passed(async (call) => {
      const answer = await call.pass()
      if (isSuccess(answer)) services.providers.forget(textAt(call.request, 'clusterId', 'id') ?? '')
      return answer
    }),
    ...certificateMethods(services),
  }
}

// ---------------------------------------------------------------- Servers

/** The first server makes the provider, and the first provider becomes the default. */
async function registerServer({ vcsim, providers }: ProviderServices, call: SoapCall): Promise<PassedAnswer> {
  const id = requiredText(call, 'server', 'clusterId', 'id')
  const before = await providers.all()
  const answer = await call.pass()
  if (!isSuccess(answer)) return answer
  if (!before.some((provider) => provider.id === id)) await providers.begin(id)
  if (before.length === 0)
    await vcsim.call('MarkDefault', call.self, [element('clusterId', [element('id', id)])])
  await storePassword(providers, call, id)
  return answer
}

/** Only the fields of the request change. An empty text, or -1 as a number, deletes. */
async function updateServer({ providers }: ProviderServices, call: SoapCall): Promise<PassedAnswer> {
  const id = requiredText(call, 'server', 'clusterId', 'id')
  const name = requiredText(call, 'server', 'info', 'name')
  const provider = await providers.lookUp(id)
  const current = childrenOf(provider?.info, 'servers').find((server) => textAt(server, 'name') === name)
  // vcsim has the fault for an unknown one.
  if (!current) return call.pass()
  const info = at(call.request, 'server', 'info')
  const answer = await call.pass(
    changed(call.request, (part) =>
      localName(part) === 'server'
        ? changed(part, (field) => (localName(field) === 'info' ? merged(current, info) : field))
        : part,
    ),
  )
  if (isSuccess(answer)) await storePassword(providers, call, id)
  return answer
}

function merged(current: Xml, update: Xml | undefined): Xml {
  const fields = serverFields.map((name) => at(update, name) ?? at(current, name))
  return element(
    'info',
    fields.filter((field) => field !== undefined && field.text !== '' && field.text !== '-1'),
  )
}

/** KmipServerInfo, in the order of its schema. */
const serverFields = [
  'name',
  'address',
  'port',
  'proxyAddress',
  'proxyPort',
  'reconnect',
  'protocol',
  'nbio',
  'timeout',
  'userName',
]

async function storePassword(providers: Providers, { request }: SoapCall, id: string): Promise<void> {
  const password = textAt(request, 'server', 'password')
  if (password === undefined) return
  const { trust } = await providers.get(id, 'server.clusterId')
  const name = textAt(request, 'server', 'info', 'name') ?? ''
  if (password === '') trust.passwords.delete(name)
  else trust.passwords.set(name, Buffer.from(password))
}

// ---------------------------------------------------------------- Certificates

function certificateMethods({ providers }: ProviderServices): Methods {
  const cluster = (call: SoapCall) => providers.get(requiredText(call, 'cluster', 'id'), 'cluster')
  return {
    UploadKmipServerCert: own(async (call) => {
      const { trust } = await cluster(call)
      const certificate = readPem(requiredText(call, 'certificate'), 'certificate')
      if (!trust.trusted.some(({ sha256 }) => sha256 === certificate.sha256)) trust.trusted.push(certificate)
      return []
    }),
    UploadClientCert: own(async (call) => {
      const { trust } = await cluster(call)
      trust.active = uploadedIdentity(requiredText(call, 'certificate'), requiredText(call, 'privateKey'))
      return []
    }),
    GenerateSelfSignedClientCert: own(async (call) => {
      const { trust } = await cluster(call)
      trust.selfSigned = await newIdentity(textAt(call.request, 'request', 'commonName'))
      return returnText(trust.selfSigned.certificate.pem)
    }),
    RetrieveSelfSignedClientCert: own(async (call) =>
      returnText((await cluster(call)).trust.selfSigned?.certificate.pem),
    ),
    UpdateSelfSignedClientCert: own(async (call) => {
      const { trust } = await cluster(call)
      const { sha256 } = readPem(requiredText(call, 'certificate'), 'certificate')
      if (trust.selfSigned?.certificate.sha256 !== sha256)
        throw invalidArgument('certificate', 'The certificate is not the one that was generated last.')
      trust.active = trust.selfSigned
      return []
    }),
    GenerateClientCsr: own(async (call) => {
      const { trust } = await cluster(call)
      const commonName = textAt(call.request, 'request', 'commonName') ?? vcenterName(Date.now())
      const { request, privateKey } = await makeRequest({ commonName })
      trust.signingRequest = { request, key: privateKey }
      return returnText(request)
    }),
    RetrieveClientCsr: own(async (call) => returnText((await cluster(call)).trust.signingRequest?.request)),
    UpdateKmsSignedCsrClientCert: own(async (call) => {
      const { trust } = await cluster(call)
      const { signingRequest } = trust
      if (!signingRequest) throw invalidArgument('certificate', 'There is no signing request.')
      trust.active = uploadedIdentity(requiredText(call, 'certificate'), signingRequest.key)
      return []
    }),
    RetrieveClientCert: own(async (call) => returnText((await cluster(call)).trust.active?.certificate.pem)),
    RetrieveKmipServerCert: own(async (call) => {
      const provider = await providers.get(requiredText(call, 'keyProvider', 'id'), 'keyProvider')
      return [await serverCertificate(provider, call)]
    }),
  }
}

/** The only value, empty where there is none. */
function returnText(value: string | undefined): readonly Xml[] {
  return [element('returnval', value ?? '')]
}

/** Throws VimFault if the key does not belong to the certificate. */
function uploadedIdentity(pem: string, key: string | Buffer): ClientIdentity {
  const certificate = readPem(pem, 'certificate')
  if (!new X509Certificate(certificate.der).checkPrivateKey(readKey(key)))
    throw invalidArgument('certificate', 'The private key does not belong to the certificate.')
  return { certificate, key: Buffer.from(key) }
}

function readKey(pem: string | Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw invalidArgument('privateKey', `This is not a private key: ${String(error)}`)
  }
}

/** CryptoManagerKmipServerCertInfo. An empty certificate where none can be read, and no fault. */
async function serverCertificate({ trust }: KeyProvider, call: SoapCall): Promise<Xml> {
  const address = {
    host: requiredText(call, 'server', 'address'),
    port: Number(requiredText(call, 'server', 'port')),
  }
  const { certificate } = await lookAtServer(address, trust)
  if (!certificate) return element('returnval', [element('certificate', '')])
  return element('returnval', [
    element('certificate', certificate.pem),
    certificateInfo('certInfo', certificate),
    element('clientTrustServer', trusts(trust, certificate)),
  ])
}
