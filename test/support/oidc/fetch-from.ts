// One request to an HTTPS server with a CA of its own, which follows no redirect.

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'

export interface Fetched {
  readonly status: number
  readonly location: string | undefined
  readonly cookies: readonly string[]
  readonly text: string
}

export async function fetchFrom(
  url: string,
  options: {
    readonly ca: string
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly form?: URLSearchParams
  },
): Promise<Fetched> {
  const { ca, method = 'GET', headers = {}, form } = options
  const type = form && { 'content-type': 'application/x-www-form-urlencoded' }
  const asked = request(url, { ca, method, headers: { ...headers, ...type }, agent: false })
  asked.end(form?.toString())
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return {
    status: answer.statusCode ?? 0,
    location: answer.headers.location,
    cookies: answer.headers['set-cookie'] ?? [],
    text: await text(answer),
  }
}
