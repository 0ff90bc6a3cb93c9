// Key providers of the kind "standard", which are KMIP servers, as vCenter's CryptoManagerKmip has them. It does what it is asked, and
// repeats and undoes nothing: what is done in which order is the work of features. Names and shapes: govmomi's vim25/types.

import { VsphereError } from './errors.ts'
import { missingPrivileges, type CallOptions, type VsphereSession } from './session.ts'
import { vcenterWords } from './soap.ts'
import { localizedFaultError, taskResult } from './tasks.ts'
import {
  booleanAt,
  elementAt,
  elementsOf,
  integerAt,
  lacking,
  requiredRef,
  requiredText,
  textAt,
  type Ref,
} from './values.ts'
import { xml, type XmlElement, type XmlNode } from './xml.ts'

/** vCenter asks each server for its status, and one that is away costs it a time-out. */
const statusMs = 180_000
/** vCenter asks the servers for a key, one after the other. */
const keyMs = 180_000
const pemBytesMax = 64 * 1024
const providersMax = 1_000
const serversMax = 1_000
/** The bit of QueryCryptoKeyStatus that asks whether vCenter can get the key. */
const isAvailableBit = 1
/** The key is there, and not active: vCenter makes a new key active at its first use. */
const inactiveReason = 'KeyStateNotActiveOrEnabled'

export interface KmipServer {
  readonly name: string
  /** A host name or an IP address. */
  readonly address: string
  readonly port: number
  /** vCenter logs in at the server with it, and a password that no call returns. */
  readonly userName?: string
}

export interface KeyProvider {
  readonly name: string
  readonly isDefault: boolean
  readonly servers: readonly KmipServer[]
}

export type ProviderHealth = 'green' | 'yellow' | 'red' | 'gray'

export interface ServerStatus {
  /** Bounded and cleaned. */
  readonly name: string
  readonly health: ProviderHealth
  /** vCenter's own words, bounded and cleaned. */
  readonly connection: string | undefined
  /** Undefined where vCenter does not say. */
  readonly serverTrustsClient: boolean | undefined
  readonly clientTrustsServer: boolean | undefined
}

export interface ProviderStatus {
  readonly health: ProviderHealth
  readonly servers: readonly ServerStatus[]
}

export interface KeyAvailability {
  readonly isThere: boolean
  /** `KeyStateMissingInKMS`, `KeyStateClusterUnreachable`; '' where vCenter gives none. */
  readonly reason: string
}

/**
 * Key providers as vCenter has them. All methods reject with VsphereError: with kind `privilege` where the user lacks
 * Cryptographer.ManageKeyServers, or Cryptographer.ManageKeys for keys. Certificates and requests are PEM.
 */
export class KeyProviders {
  readonly #session: VsphereSession
  readonly #manager: Ref

  /** Throws VsphereError of kind `answer` where vCenter has no encryption. */
  constructor(session: VsphereSession) {
    const { cryptoManager } = session.content
    if (!cryptoManager)
      throw new VsphereError('answer', 'This vCenter has no key providers', {
        hint: 'Key providers need vCenter 6.5 or newer; a single ESXi host has none.',
      })
    this.#session = session
    this.#manager = cryptoManager
  }

  /** Returns the privileges that the user lacks on the root folder, on which key providers are managed. */
  missingPrivileges(ids: readonly string[]): Promise<readonly string[]> {
    return missingPrivileges(this.#session, this.#session.content.rootFolder, ids)
  }

  async list(): Promise<readonly KeyProvider[]> {
    const all = await this.#call('ListKmipServers', [])
    if (all.length > providersMax) throw tooMany('key providers', providersMax)
    return all.filter(isStandard).map(readProvider)
  }

  /** Adds a server to a provider. The first server makes the provider, and the first provider is vCenter's default. */
  async register(provider: string, server: KmipServer): Promise<void> {
    await this.#call('RegisterKmipServer', [serverSpec(provider, server)])
  }

  /** Changes the address and the user name of the server with this name. vCenter keeps a password only beside a user name. */
  async update(provider: string, server: KmipServer): Promise<void> {
    await this.#call('UpdateKmipServer', [serverSpec(provider, server)])
  }

  /** Takes the server out of the provider, whether it is in use or not. */
  async remove(provider: string, server: string): Promise<void> {
    await this.#call('RemoveKmipServer', [providerId('clusterId', provider), xml('serverName', server)])
  }

  /** The certificate that the server shows to vCenter, PEM; undefined: vCenter cannot read it, or does not say that it trusts it. */
  async trustedServerCertificate(
    provider: string,
    { name, address, port }: KmipServer,
  ): Promise<string | undefined> {
    const info = [xml('name', name), xml('address', address), xml('port', port)]
    const args = [providerId('keyProvider', provider), xml('server', info)]
    const [value] = await this.#call('RetrieveKmipServerCert', args, { answerMs: keyMs, silenceMs: keyMs })
    const certificate = elementAt(value, 'certificate')
    const isTrusted = booleanAt(value, 'clientTrustServer') === true
    return isTrusted && certificate && certificate.text !== '' ? pemOf(certificate) : undefined
  }

  /** Makes vCenter trust the certificate as that of the provider's servers. */
  async trustServer(provider: string, certificate: string): Promise<void> {
    await this.#call('UploadKmipServerCert', certificateOf(provider, certificate))
  }

  /** The client certificate in use; undefined if there is none. */
  async clientCertificate(provider: string): Promise<string | undefined> {
    const [value] = await this.#call('RetrieveClientCert', [providerId('cluster', provider)])
    return value === undefined || value.text === '' ? undefined : pemOf(value)
  }

  /** Makes a client certificate that is not in use yet, and replaces one that was made before and is not in use. */
  async makeClientCertificate(provider: string): Promise<string> {
    const [value] = await this.#call('GenerateSelfSignedClientCert', [providerId('cluster', provider)])
    return pemOf(value)
  }

  /** Puts the client certificate into use that `makeClientCertificate` made last. */
  async useClientCertificate(provider: string, certificate: string): Promise<void> {
    await this.#call('UpdateSelfSignedClientCert', certificateOf(provider, certificate))
  }

  /** A certificate signing request with a new key. It overwrites the key of an earlier request. */
  async clientRequest(provider: string): Promise<string> {
    const [value] = await this.#call('GenerateClientCsr', [providerId('cluster', provider)])
    return pemOf(value)
  }

  /** Puts a certificate into use that was signed for the last `clientRequest`. */
  async useSignedCertificate(provider: string, certificate: string): Promise<void> {
    await this.#call('UpdateKmsSignedCsrClientCert', certificateOf(provider, certificate))
  }

  /** Puts a certificate into use with its private key. The caller wipes the key; no error repeats it. */
  async uploadClientCertificate(provider: string, certificate: string, privateKey: Buffer): Promise<void> {
    const args = [...certificateOf(provider, certificate), xml('privateKey', privateKey)]
    await this.#call('UploadClientCert', args, { hasSecret: true })
  }

  /** Makes the provider the one that vCenter uses for new keys. */
  async makeDefault(provider: string): Promise<void> {
    await this.#call('MarkDefault', [providerId('clusterId', provider)])
  }

  /** vCenter connects to each server of the provider and says how that went. An aborted signal ends the waiting. */
  async status(provider: string, signal?: AbortSignal): Promise<ProviderStatus> {
    const method = 'RetrieveKmipServersStatus_Task'
    const cluster = xml('clusters', [providerId('clusterId', provider), xml('useAsDefault', false)])
    const [begun] = await this.#call(method, [cluster], { signal })
    const task = requiredRef(begun, 'the task')
    const result = await taskResult(this.#session, task, { method, withinMs: statusMs, signal })
    const status = elementsOf(result, 'CryptoManagerKmipClusterStatus').find(
      (one) => textAt(one, 'clusterId', 'id') === provider,
    )
    if (!status)
      throw new VsphereError('fault', `vCenter has no status of the key provider ${vcenterWords(provider)}`, {
        hint: 'Check the name of the key provider; upper and lower case differ.',
      })
    return readStatus(status)
  }

  /** Has vCenter make a key at a server of the provider. Returns its identifier. Rejects with the reason of vCenter if it fails. */
  async makeKey(provider: string): Promise<string> {
    const args = [providerId('keyProvider', provider)]
    const [result] = await this.#call('GenerateKey', args, { answerMs: keyMs, silenceMs: keyMs })
    const isMade = booleanAt(result, 'success')
    if (isMade === undefined) throw lacking(['success'])
    if (!isMade) throw keyError(result)
    const key = requiredText(result, 'keyId', 'keyId')
    if (key === '') throw lacking(['keyId', 'keyId'])
    return key
  }

  /** Whether vCenter finds the key at the provider's servers, also one that no machine has used yet; if not, vCenter's reason. */
  async findKey(provider: string, key: string): Promise<KeyAvailability> {
    const keyId = xml('keyIds', [xml('keyId', key), providerId('providerId', provider)])
    const args = [keyId, xml('checkKeyBitMap', isAvailableBit)]
    const [status] = await this.#call('QueryCryptoKeyStatus', args, { answerMs: keyMs, silenceMs: keyMs })
    const isAvailable = booleanAt(status, 'keyAvailable')
    if (isAvailable === undefined) throw lacking(['keyAvailable'])
    const reason = vcenterWords(textAt(status, 'reason') ?? '')
    return { isThere: isAvailable || reason === inactiveReason, reason }
  }

  #call(method: string, args: readonly XmlNode[], options: CallOptions = {}): Promise<readonly XmlElement[]> {
    return this.#session.call(this.#manager, method, args, options)
  }
}

// ------------------------------------------------------------ Requests

/** A KeyProviderId. */
function providerId(name: string, provider: string): XmlNode {
  return xml(name, [xml('id', provider)])
}

/** A KmipServerSpec. */
function serverSpec(provider: string, { name, address, port, userName = '' }: KmipServer): XmlNode {
  // A user name or password that is left over from another server would break the making of keys. Only an empty text deletes it.
  const info = [xml('name', name), xml('address', address), xml('port', port), xml('userName', userName)]
  const password = userName === '' ? [xml('password', '')] : []
  return xml('server', [providerId('clusterId', provider), xml('info', info), ...password])
}

function certificateOf(provider: string, certificate: string): readonly XmlNode[] {
  return [providerId('cluster', provider), xml('certificate', certificate)]
}

// ------------------------------------------------------------ Answers

/** Trust Authority and vCenter's own keys are other kinds. */
function isStandard(info: XmlElement): boolean {
  const kind = textAt(info, 'managementType') ?? ''
  return kind === '' || kind === 'vCenter' || kind === 'unknown'
}

/** Reads a KmipClusterInfo. */
function readProvider(info: XmlElement): KeyProvider {
  return {
    name: requiredText(info, 'clusterId', 'id'),
    isDefault: booleanAt(info, 'useAsDefault') ?? false,
    servers: serversOf(info).map((server) => {
      const port = integerAt(server, 'port')
      if (port === undefined) throw lacking(['servers', 'port'])
      const userName = textAt(server, 'userName') ?? ''
      return {
        name: requiredText(server, 'name'),
        address: requiredText(server, 'address'),
        port,
        ...(userName !== '' && { userName }),
      }
    }),
  }
}

/** Reads a CryptoManagerKmipClusterStatus. vCenter leaves out the health of the whole where it has none. */
function readStatus(status: XmlElement): ProviderStatus {
  return {
    health: healthAt(status, 'overallStatus'),
    servers: serversOf(status).map((server) => {
      const connection = vcenterWords(textAt(server, 'connectionStatus') ?? '')
      return {
        name: vcenterWords(requiredText(server, 'name')),
        health: healthAt(server, 'status'),
        connection: connection === '' ? undefined : connection,
        serverTrustsClient: booleanAt(server, 'serverTrustClient'),
        clientTrustsServer: booleanAt(server, 'clientTrustServer'),
      }
    }),
  }
}

function serversOf(provider: XmlElement): readonly XmlElement[] {
  const servers = elementsOf(provider, 'servers')
  if (servers.length > serversMax) throw tooMany('servers', serversMax)
  return servers
}

const healths: readonly ProviderHealth[] = ['green', 'yellow', 'red', 'gray']

/** Gray, which means unknown, for any other word. */
function healthAt(status: XmlElement, name: string): ProviderHealth {
  const word = textAt(status, name)
  return healths.find((health) => health === word) ?? 'gray'
}

function pemOf(value: XmlElement | undefined): string {
  const pem = value?.text ?? ''
  if (pem === '') throw lacking(['the certificate or request'])
  if (pem.length > pemBytesMax)
    throw new VsphereError('answer', `vCenter answers a certificate of more than ${pemBytesMax} bytes`)
  return pem
}

/** The error for a CryptoKeyResult without success. vCenter says more in `reason` than in the words of the fault. */
function keyError(result: XmlElement | undefined): VsphereError {
  const { fault, message } = localizedFaultError('GenerateKey', elementAt(result, 'fault'))
  const reason = vcenterWords(textAt(result, 'reason') ?? '')
  return new VsphereError('fault', reason === '' ? message : `vCenter makes no key: ${reason}`, { fault })
}

function tooMany(what: string, countMax: number): VsphereError {
  return new VsphereError('answer', `vCenter answers more than ${countMax} ${what}`)
}
