// A small HTTPS server that answers SOAP as a test says, for rules of the client that vcsim cannot be made to show. It holds no
// inventory and checks no password.

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { VcenterAddress, VcenterTrust } from '../../../src/outside/vsphere-api/certificate.ts'
import { VsphereConnection } from '../../../src/outside/vsphere-api/connection.ts'
import { makeCertificate, type TestIdentity } from '../../support/certificates/certificates.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

export interface ApiCall {
  /** The method's name; the path of a GET. */
  readonly name: string
  readonly body: string
  readonly cookie: string | undefined
  /** SOAPAction */
  readonly action: string | undefined
}

/** The content of the answer's element, or what is done with the response. */
export type ApiReply = string | ((response: ServerResponse, call: ApiCall) => unknown)

const about = [
  ['name', 'VMware vCenter Server'],
  ['version', '8.0.3'],
  ['apiVersion', '8.0.3.0'],
  ['apiType', 'VirtualCenter'],
  ['instanceUuid', 'uuid-1'],
].map(([name, value]) => `<${name}>${value}</${name}>`)

const managers = [
  ['rootFolder', 'Folder', 'group-d1'],
  ['propertyCollector', 'PropertyCollector', 'propertyCollector'],
  ['viewManager', 'ViewManager', 'ViewManager'],
  ['sessionManager', 'SessionManager', 'SessionManager'],
  ['authorizationManager', 'AuthorizationManager', 'AuthorizationManager'],
  ['cryptoManager', 'CryptoManagerKmip', 'CryptoManager'],
].map(([name, type, id]) => `<${name} type="${type}">${id}</${name}>`)

const usual: Readonly<Record<string, ApiReply>> = {
  '/sdk/vimServiceVersions.xml': (response) =>
    response.end(
      '<namespaces version="1.0"><namespace><name>urn:vim25</name><version>8.0.3.0</version></namespace></namespaces>',
    ),
  RetrieveServiceContent: `<returnval><about>${about.join('')}</about>${managers.join('')}</returnval>`,
  Login: (response, { name }) => {
    response.setHeader('Set-Cookie', 'vmware_soap_session="s-1"; Path=/; HttpOnly; Secure')
    response.end(answer(name, '<returnval><key>key-1</key></returnval>'))
  },
  Logout: '',
  CurrentTime: '<returnval>2026-11-25T09:47:08Z</returnval>',
}

export class ApiServer {
  readonly clock = new MovableClock()
  readonly identity: TestIdentity
  readonly calls: ApiCall[] = []
  /** TLS connections. */
  connections = 0
  replies: Readonly<Record<string, ApiReply>>
  readonly #server: https.Server

  private constructor(identity: TestIdentity, replies: Readonly<Record<string, ApiReply>>) {
    this.identity = identity
    this.replies = { ...usual, ...replies }
    this.#server = https.createServer({ ...identity.tls }, (request, response) => {
      // A client may go in the middle of its request.
      this.#serve(request, response).catch(() => response.destroy())
    })
    this.#server.on('secureConnection', () => this.connections++)
    this.#server.on('tlsClientError', () => undefined)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const { url = '', method, headers } = request
    const name = method === 'GET' ? url : (/<soapenv:Body><(\w+)/.exec(body)?.[1] ?? '')
    const action = headers['soapaction'] as string | undefined
    const call = { name, body, cookie: headers.cookie, action }
    this.calls.push(call)
    const reply = this.replies[name] ?? fault('InvalidRequest', 'unknown method')
    if (typeof reply === 'string') response.end(answer(name, reply))
    else reply(response, call)
  }

  /** Closed after the test. */
  static async start(
    t: TestContext,
    replies: Readonly<Record<string, ApiReply>> = {},
    identity?: TestIdentity,
  ): Promise<ApiServer> {
    const server = new ApiServer(identity ?? (await makeCertificate({ key: 'ec' })), replies)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    t.after(() => {
      server.#server.close()
      server.#server.closeAllConnections()
    })
    return server
  }

  get address(): VcenterAddress {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  get trust(): VcenterTrust {
    return { fingerprint: this.identity.certificate.sha256 }
  }

  /** Closed after the test. */
  connect(t: TestContext, trust = this.trust): VsphereConnection {
    const connection = new VsphereConnection({ address: this.address, trust, clock: this.clock })
    t.after(() => connection.close())
    return connection
  }

  /** Shows another certificate from now on. Open connections stay. */
  show({ tls }: TestIdentity): void {
    this.#server.setSecureContext(tls)
  }

  /** The names of the calls, in order. */
  get names(): readonly string[] {
    return this.calls.map(({ name }) => name)
  }
}

export function answer(method: string, content: string): string {
  return envelope(`<${method}Response xmlns="urn:vim25">${content}</${method}Response>`)
}

/** `fields` is XML. */
export function fault(name: string, words: string, fields = ''): ApiReply {
  const detail = `<detail><${name}Fault xsi:type="${name}" xmlns="urn:vim25">${fields}</${name}Fault></detail>`
  const body = `<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>${words}</faultstring>${detail}</soapenv:Fault>`
  return (response) => response.writeHead(500).end(envelope(body))
}

function envelope(body: string): string {
  const names =
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
  return `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope ${names}><soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`
}
