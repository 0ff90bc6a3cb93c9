// Posts JSON to a webhook, once. It keeps no queue and makes no second attempt: the error says whether another one may succeed.

import { causeText } from '../../base/text/cause-text.ts'

/** The receiver did not take it. */
export class NotSent extends Error {
  override readonly name = 'NotSent'
  /** Another attempt may succeed. */
  readonly again: boolean
  constructor(message: string, again: boolean, options?: ErrorOptions) {
    super(message, options)
    this.again = again
  }
}

/** Resolves once the receiver has taken the body (2xx). Follows no redirect, and reads no answer. Throws NotSent. */
export async function postJson(
  url: string,
  body: string,
  { headers, timeoutMs }: { readonly headers: Readonly<Record<string, string>>; readonly timeoutMs: number },
): Promise<void> {
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch (error) {
    throw new NotSent(causeText(error), true, { cause: error })
  }
  await response.body?.cancel()
  if (response.ok) return
  const again = response.status === 429 || response.status === 408 || response.status >= 500
  throw new NotSent(`it answered ${String(response.status)} ${response.statusText}`.trim(), again)
}
