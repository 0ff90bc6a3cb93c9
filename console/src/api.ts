// Calls the admin API, by the names and types of its route table. Keeps the text of the session: in sessionStorage, so it
// survives a reload and ends with the tab.

import table from 'route-table'
import type { Input, Output, RouteName } from '../../src/program/routes.ts'
import { approversOf } from './approvers.ts'
import { addressOf } from './place.ts'
import { noteServerTime } from './server-time.ts'

export type { Input, Output, RouteName }

/** The server's own words for what went wrong; `requestId` finds it in the server's log. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: string
  readonly hint: string | undefined
  readonly requestId: string | undefined
  constructor(code: string, message: string, hint?: string, requestId?: string) {
    super(message)
    this.code = code
    this.hint = hint
    this.requestId = requestId
  }
}

/** Nothing was done: the act waits for a second person. */
export class WaitsError extends ApiError {
  /** The text of the token that was asked for, which works once it is approved; null: no token was asked for. */
  readonly token: string | null
  constructor({
    approval,
    token,
  }: {
    readonly approval: Output<'showApproval'>
    readonly token: string | null
  }) {
    const who = approversOf(approval)
    const text = `Who can approve it: ${who === '' ? 'nobody at the moment' : who}.`
    super('waits', 'Nothing was done yet: this waits for a second person.', text)
    this.token = token
  }
}

const storedAs = 'mortise-session'
const listeners = new Set<() => void>()

export function sessionText(): string | null {
  return sessionStorage.getItem(storedAs)
}

/** Whether the session had ended before the last act, which was not done then. */
let isUndone = false

export function wasUndone(): boolean {
  return isUndone
}

export function keepSession(text: string | null, { undone = false } = {}): void {
  isUndone = undone
  if (text === null) sessionStorage.removeItem(storedAs)
  else sessionStorage.setItem(storedAs, text)
  for (const listener of listeners) listener()
}

/** Called when a person logged in or out, or the session ended. Returns what ends that. */
export function onSession(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

type Arguments<N extends RouteName> = Partial<Input<N>> extends Input<N> ? [Input<N>?] : [Input<N>]

/** Throws ApiError. A stream of lines or bytes comes as its whole text. */
export async function call<N extends RouteName>(name: N, ...[input]: Arguments<N>): Promise<Answer<N>> {
  return callAs(sessionText(), name, ...([input] as Arguments<N>))
}

/**
 * A browser waits for ever. The page would show its last answer as if it were of now, and a dialog would stay. The server itself
 * keeps few connections for longer without an answer.
 */
const [backgroundMs, answerMs] = [30_000, 60_000]

/** Calls for what the page asks by itself: that is no use of the session, which ends when the person does nothing. */
export async function callInBackground<N extends RouteName>(
  name: N,
  ...[input]: Arguments<N>
): Promise<Answer<N>> {
  const headers = { 'Mortise-Background': '1' }
  return inTime(backgroundMs, async (signal) =>
    answerOf(name, await request(sessionText(), name, input, { headers, signal })),
  )
}

export type Answer<N extends RouteName> =
  Output<N> extends AsyncIterable<string | Uint8Array> ? string : Output<N>

/** With another bearer token than that of the session. */
export async function callAs<N extends RouteName>(
  bearer: string | null,
  name: N,
  ...[input]: Arguments<N>
): Promise<Answer<N>> {
  return inTime(answerMs, async (signal) => answerOf(name, await request(bearer, name, input, { signal })))
}

async function inTime<T>(ms: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController()
  const timer = window.setTimeout(() => late.abort(), ms)
  try {
    return await ask(late.signal)
  } finally {
    window.clearTimeout(timer)
  }
}

async function answerOf<N extends RouteName>(name: N, response: Response): Promise<Answer<N>> {
  const isJson = table[name].media === 'application/json'
  return (await (isJson ? response.json() : response.text()).catch(() => unanswered(name))) as Answer<N>
}

/** An answer of bytes, which the browser may keep on its disk. Once it has begun it may take as long as it needs. */
export async function callForFile<N extends RouteName>(name: N, input: Input<N>): Promise<Blob> {
  const response = await inTime(answerMs, (signal) => request(sessionText(), name, input, { signal }))
  return response.blob().catch(() => {
    throw new ApiError('unreachable', 'the connection broke off before the file was whole', 'Try again.')
  })
}

/** The answer may have been lost on its way. */
const unheard = 'It may have done what you asked all the same: look before you ask again.'

function unanswered(name: RouteName): never {
  const hint = table[name].method === 'get' ? undefined : unheard
  throw new ApiError('unreachable', 'the server does not answer', hint)
}

async function request<N extends RouteName>(
  bearer: string | null,
  name: N,
  input: Input<N> | undefined,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const { method, path } = table[name]
  const { query, body, ...params } = (input ?? {}) as { query?: object; body?: unknown } & Record<
    string,
    string
  >
  const response = await fetch(pathOf(path, params, query), {
    method: method.toUpperCase(),
    headers: {
      ...more.headers,
      ...(bearer !== null && { Authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(more.signal && { signal: more.signal }),
  }).catch(() => unanswered(name))
  noteServerTime(response.headers.get('Date'))
  const renewed = response.headers.get('Mortise-Session')
  if (renewed !== null && bearer === sessionText()) sessionStorage.setItem(storedAs, renewed)
  if (response.status === 202)
    throw new WaitsError(
      (await response.json().catch(() => unanswered(name))) as ConstructorParameters<typeof WaitsError>[0],
    )
  if (!response.ok) throw await errorOf(response, bearer, { isAct: method !== 'get' })
  return response
}

/** Advice for other ways to the server: the description of its API, and commands that list what a page lists. */
const notHere = /^(?:See \/api\/|List them: mortise )/

async function errorOf(
  response: Response,
  bearer: string | null,
  { isAct }: { readonly isAct: boolean },
): Promise<ApiError> {
  const answer = (await response.json().catch(() => ({}))) as {
    error?: { code: string; message: string; hint?: string; requestId: string }
  }
  const {
    code = 'unknown',
    message = `the server answered ${response.status}`,
    hint,
    requestId,
  } = answer.error ?? {}
  // A form has no body or query.
  const words = message.replaceAll(/(^|; )(?:body|query)\.(?=\w+[.:])/g, '$1')
  // Something between the browser and the server answered, such as a proxy that did not wait for the server.
  const isOthers = answer.error === undefined && isAct
  if (code === 'unauthenticated' && bearer !== null && bearer === sessionText()) {
    keepSession(null, { undone: isAct })
    if (isAct) return new ApiError(code, 'The session had ended, so this was not done.', 'Do it again.')
  }
  return new ApiError(
    code,
    words,
    isOthers ? unheard : hint !== undefined && notHere.test(hint) ? undefined : hint,
    requestId,
  )
}

function pathOf(path: string, params: Readonly<Record<string, string>>, query: object | undefined): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  return addressOf(filled, { ...query })
}
