// Logs in through the identity provider: the browser goes there and comes back to /login/callback. What the login began with
// stays in this tab, so that nobody is lured into a login of somebody else.

import { callAs, keepSession } from './api.ts'

const storedAs = 'mortise-login'
const callbackPath = '/login/callback'

interface Begun {
  readonly flow: string
  /** The page to go on with. */
  readonly path: string
}

/** The browser leaves the page. Throws ApiError if the server says no. */
export async function goToProvider(): Promise<void> {
  const { origin, pathname, search } = window.location
  const { url, flow } = await callAs(null, 'beginLogin', {
    body: { redirectUri: `${origin}${callbackPath}` },
  })
  const begun: Begun = { flow, path: `${pathname}${search}` }
  sessionStorage.setItem(storedAs, JSON.stringify(begun))
  window.location.assign(url)
}

/** The answer that the browser brought back, if this is where it comes back to. It counts once. */
export function takeReturn(): (Begun & { readonly answer: string }) | undefined {
  const { pathname, search } = window.location
  if (pathname !== callbackPath) return undefined
  const stored = sessionStorage.getItem(storedAs)
  sessionStorage.removeItem(storedAs)
  const { flow, path } = JSON.parse(stored ?? '{"flow":"","path":"/"}') as Begun
  return { flow, path, answer: search }
}

/** Throws ApiError if the login does not end well. */
export async function finishLogin({ flow, answer }: { readonly flow: string; readonly answer: string }) {
  const { session } = await callAs(null, 'finishLogin', { body: { flow, answer } })
  keepSession(session)
}
