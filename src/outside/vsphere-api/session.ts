// A session at one vCenter: logs in, calls methods, logs in again when the session has ended, and never tries a refused password twice.
// The cookie of the session stays in memory. It keeps no session alive: vCenter ends an idle one.

import { addressText } from './certificate.ts'
import type { AnswerLimits, VsphereConnection } from './connection.ts'
import { isNotAuthenticated, isPasswordRefusal, VsphereError } from './errors.ts'
import { answerPlace, returnValues, soapAnswer, soapRequest } from './soap.ts'
import {
  booleanAt,
  elementAt,
  elementsOf,
  ref,
  refOf,
  requiredRef,
  requiredText,
  textAt,
  type Ref,
} from './values.ts'
import { xml, type XmlElement, type XmlNode } from './xml.ts'

const logoutMs = 5_000
/** The pause between two logins of one session, so that lost answers to wrong passwords lock no account: vCenter allows 5 in 180 s. */
const loginPauseMs = 60_000
const cookieBytesMax = 4 * 1024
/** Privileges that one call asks for. */
const privilegesMax = 100
const serviceInstance: Ref = { type: 'ServiceInstance', id: 'ServiceInstance' }

export interface VsphereCredentials {
  readonly user: string
  /** UTF-8. The session has a copy, which `end` wipes. */
  readonly password: Buffer
}

export interface VcenterAbout {
  /** `VMware vCenter Server` */
  readonly product: string
  readonly version: string
  readonly build: string
  readonly apiVersion: string
  /** `VirtualCenter`; `HostAgent` of a host. */
  readonly apiType: string
  /** Undefined for a host. */
  readonly instanceUuid: string | undefined
}

/** The managers of a vCenter. */
export interface VcenterContent {
  readonly rootFolder: Ref
  readonly propertyCollector: Ref
  readonly viewManager: Ref
  readonly sessionManager: Ref
  readonly authorizationManager: Ref
  /** Undefined where there is no encryption: vSphere before 6.5. */
  readonly cryptoManager: Ref | undefined
  /** Undefined where there are no first-class disks: vSphere before 6.5. */
  readonly vStorageObjectManager: Ref | undefined
}

export type MethodArguments = readonly XmlNode[] | (() => readonly XmlNode[])

export interface CallOptions extends AnswerLimits {
  /** `vsan`: the API of vSAN, with the same session. Left out: `vim25`. */
  readonly namespace?: 'vim25' | 'vsan'
  /** The call uses what an earlier call made in this session, so a new login cannot help: it rejects if the session has ended. */
  readonly isBound?: boolean
  /** The request has a secret in it, so no error repeats vCenter's words, which might. */
  readonly hasSecret?: boolean
}

/**
 * Logs in. Rejects with VsphereError: with kind `login` for a refused password, which the caller does not try again by itself, since
 * vCenter locks an account after five failures.
 */
export async function openSession(
  connection: VsphereConnection,
  credentials: VsphereCredentials,
): Promise<VsphereSession> {
  const { about, content } = await readService(connection)
  const session = new VsphereSession(connection, credentials, about, content)
  try {
    await session.logIn()
    return session
  } catch (error) {
    await session.end()
    throw error
  }
}

/** The product of a vCenter and its managers, which it tells before a login. Rejects with VsphereError. */
export async function readService(
  connection: VsphereConnection,
): Promise<{ readonly about: VcenterAbout; readonly content: VcenterContent }> {
  const { answer } = await post(connection, undefined, {
    self: serviceInstance,
    method: 'RetrieveServiceContent',
    args: [],
  })
  const [content] = returnValues(answer)
  return { about: readAbout(elementAt(content, 'about')), content: readContent(content) }
}

export class VsphereSession {
  readonly connection: VsphereConnection
  readonly about: VcenterAbout
  readonly content: VcenterContent
  readonly #user: string
  readonly #password: Buffer
  #cookie: string | undefined
  #key = ''
  #logins = 0
  #loggingIn: Promise<void> | undefined
  #hasPassword = true
  /** The last login that a call made, as opposed to the first one, and how it failed. */
  #again: { readonly atMs: number; readonly error?: unknown } | undefined
  /** Set once no call can succeed any more. */
  #closed: VsphereError | undefined

  constructor(
    connection: VsphereConnection,
    { user, password }: VsphereCredentials,
    about: VcenterAbout,
    content: VcenterContent,
  ) {
    this.connection = connection
    this.about = about
    this.content = content
    this.#user = user
    this.#password = Buffer.from(password)
  }

  /** vCenter's name of the session. A new login changes it. */
  get key(): string {
    return this.#key
  }

  /** The values that the method returns. `args` as a function is called for each try. Rejects with VsphereError. */
  async call(
    self: Ref,
    method: string,
    args: MethodArguments = [],
    options: CallOptions = {},
  ): Promise<readonly XmlElement[]> {
    const stream = this.stream(self, method, args, [], options)
    for (;;) {
      const step = await stream.next()
      if (step.done) return returnValues(step.value)
    }
  }

  /**
   * The elements of the answer at `place`, named from below the answer's element, one by one; then the rest of that element. With an empty
   * place the answer is held as a whole. Rejects with VsphereError.
   */
  async *stream(
    self: Ref,
    method: string,
    args: MethodArguments,
    place: readonly string[],
    options: CallOptions = {},
  ): AsyncGenerator<XmlElement, XmlElement, undefined> {
    for (let tries = 1; ; tries++) {
      if (this.#closed) throw this.#closed
      const login = this.#logins
      try {
        return yield* postStream(this.connection, this.#cookie, {
          ...options,
          self,
          method,
          args: typeof args === 'function' ? args() : args,
          place,
        })
      } catch (error) {
        if (!isNotAuthenticated(error)) throw error
        if (tries > 1 || options.isBound === true || !this.#hasPassword) throw error
        // Another call may have logged in meanwhile.
        if (login === this.#logins) await this.#logInAgain()
      }
    }
  }

  /** The first login. Rejects with VsphereError. */
  async logIn(): Promise<void> {
    const { sessionManager } = this.content
    // vCenter refuses a login in a session as if the password were wrong.
    this.#cookie = undefined
    try {
      const { answer, cookie } = await post(this.connection, undefined, {
        self: sessionManager,
        method: 'Login',
        args: [xml('userName', this.#user), xml('password', this.#password)],
        hasSecret: true,
      })
      if (cookie === undefined)
        throw new VsphereError(
          'answer',
          `${addressText(this.connection.address)} gives no session after a login`,
        )
      if (this.#closed) {
        await this.#logOut(cookie)
        throw this.#closed
      }
      this.#cookie = cookie
      this.#key = requiredText(answer, 'returnval', 'key')
      this.#logins++
    } catch (error) {
      if (error instanceof VsphereError && isPasswordRefusal(error)) this.#close(error)
      throw error
    }
  }

  /** Wipes the password, of a session that lasts. No call logs in again: all reject once vCenter has ended the session. */
  forgetPassword(): void {
    this.#hasPassword = false
    this.#password.fill(0)
  }

  /** Logs out, for at most five seconds, and wipes the password. Does not reject. Calls after it do. */
  async end(): Promise<void> {
    const cookie = this.#cookie
    this.#cookie = undefined
    this.#close(new VsphereError('login', 'The session at vCenter has been closed'))
    if (cookie !== undefined) await this.#logOut(cookie)
  }

  async #logOut(cookie: string): Promise<void> {
    const { sessionManager: self } = this.content
    const bounds = { answerMs: logoutMs }
    await post(this.connection, cookie, { self, method: 'Logout', args: [], ...bounds }).catch(
      () => undefined,
    )
  }

  #close(error: VsphereError): void {
    this.#closed ??= error
    this.#password.fill(0)
  }

  async #logInAgain(): Promise<void> {
    this.#loggingIn ??= this.#newLogin().finally(() => (this.#loggingIn = undefined))
    return this.#loggingIn
  }

  async #newLogin(): Promise<void> {
    const atMs = this.connection.clock.monotonic()
    if (this.#again && atMs - this.#again.atMs < loginPauseMs)
      throw (
        this.#again.error ??
        new VsphereError(
          'login',
          'vCenter ended the session again, less than a minute after the last login',
          {
            fault: 'NotAuthenticated',
          },
        )
      )
    this.#again = { atMs }
    try {
      await this.logIn()
    } catch (error) {
      this.#again = { atMs, error }
      throw error
    }
  }
}

// ------------------------------------------------------------ Privileges

/**
 * Returns the privileges of `ids`, `Cryptographer.ManageKeys`, that the user lacks on the object, in their order. A privilege about which
 * vCenter says nothing is missing. Rejects with VsphereError: vCenter refuses the name of a privilege that it does not know.
 */
export async function missingPrivileges(
  session: VsphereSession,
  object: Ref,
  ids: readonly string[],
): Promise<readonly string[]> {
  if (ids.length === 0) return []
  if (ids.length > privilegesMax)
    throw new RangeError(`a call asks for at most ${privilegesMax} privileges, not for ${ids.length}`)
  // A new login changes the session's key.
  const args = () => [
    ref('entity', object),
    xml('sessionId', session.key),
    ...ids.map((id) => xml('privId', id)),
  ]
  const answers = await session.call(session.content.authorizationManager, 'HasPrivilegeOnEntities', args)
  const answer = answers.find((one) => isSame(refOf(elementAt(one, 'entity')), object))
  if (!answer)
    throw new VsphereError(
      'answer',
      `vCenter does not say which privileges there are on ${object.type} ${object.id}`,
    )
  const granted = new Set(
    elementsOf(answer, 'privAvailability')
      .filter((one) => booleanAt(one, 'isGranted') === true)
      .map((one) => textAt(one, 'privId')),
  )
  return ids.filter((id) => !granted.has(id))
}

function isSame(one: Ref | undefined, other: Ref): boolean {
  return one?.type === other.type && one.id === other.id
}

// ------------------------------------------------------------ Calls

interface Post extends CallOptions {
  readonly self: Ref
  readonly method: string
  readonly args: readonly XmlNode[]
}

/** The element of the answer, and the cookie of a new session. */
async function post(
  connection: VsphereConnection,
  cookie: string | undefined,
  call: Post,
): Promise<{ readonly answer: XmlElement; readonly cookie: string | undefined }> {
  const { request, wipe } = await httpRequest(connection, cookie, call)
  try {
    const { root, cookies } = await connection.exchange(request, call)
    return { answer: soapAnswer(call, root), cookie: sessionCookie(cookies) }
  } finally {
    wipe()
  }
}

async function* postStream(
  connection: VsphereConnection,
  cookie: string | undefined,
  call: Post & { readonly place: readonly string[] },
): AsyncGenerator<XmlElement, XmlElement, undefined> {
  const { method, place } = call
  if (place.length === 0) return (await post(connection, cookie, call)).answer
  const { request, wipe } = await httpRequest(connection, cookie, call)
  try {
    const { root } = yield* connection.stream(request, [...answerPlace(method), ...place], call)
    return soapAnswer(call, root)
  } finally {
    wipe()
  }
}

async function httpRequest(
  connection: VsphereConnection,
  cookie: string | undefined,
  { namespace = 'vim25', self, method, args }: Post,
) {
  const version = await connection.version()
  // A request may have a password or a private key in it.
  const body = soapRequest({ namespace, method, self, args })
  const request = {
    method: 'POST',
    path: namespace === 'vsan' ? '/vsanHealth' : '/sdk',
    headers: {
      'Content-Type': 'text/xml; charset=utf-8',
      SOAPAction: `"urn:${namespace}/${version}"`,
      ...(cookie !== undefined && { Cookie: cookie }),
    },
    body,
  } as const
  return { request, wipe: () => void body.fill(0) }
}

function sessionCookie(cookies: readonly string[]): string | undefined {
  const cookie = cookies.find((one) => one.startsWith('vmware_soap_session='))?.split(';')[0]
  return cookie !== undefined && cookie.length <= cookieBytesMax ? cookie : undefined
}

// ------------------------------------------------------------ Facts about vCenter

function readAbout(about: XmlElement | undefined): VcenterAbout {
  return {
    product: requiredText(about, 'name'),
    version: requiredText(about, 'version'),
    build: textAt(about, 'build') ?? '',
    apiVersion: requiredText(about, 'apiVersion'),
    apiType: requiredText(about, 'apiType'),
    instanceUuid: textAt(about, 'instanceUuid'),
  }
}

function readContent(content: XmlElement | undefined): VcenterContent {
  const required = (name: string) => requiredRef(elementAt(content, name), name)
  return {
    rootFolder: required('rootFolder'),
    propertyCollector: required('propertyCollector'),
    viewManager: required('viewManager'),
    sessionManager: required('sessionManager'),
    authorizationManager: required('authorizationManager'),
    cryptoManager: refOf(elementAt(content, 'cryptoManager')),
    vStorageObjectManager: refOf(elementAt(content, 'vStorageObjectManager')),
  }
}
