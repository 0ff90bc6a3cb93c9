// IAM of the fake: tokens for API keys of service IDs, JWT-shaped and signed, that end; and whom a token belongs to.

import { createHmac } from 'node:crypto'
import { plainRefusal, refusal } from './refusal.ts'
import type { Reply } from './request.ts'
import type { ServiceId, State } from './state.ts'

/** `POST /identity/token`. A refusal names the request by an id of IAM's own. */
export function issueToken(state: State, body: Buffer, url: string, requestId: string): Reply {
  const form = new URLSearchParams(body.toString('utf8'))
  if (form.get('grant_type') !== 'urn:ibm:params:oauth:grant-type:apikey')
    return iamRefusal(400, 'BXNIM0137E', 'Unsupported grant type.', { url, requestId })
  const apiKey = form.get('apikey')
  const serviceId = state.contents.serviceIds.find((candidate) => candidate.apiKey === apiKey && apiKey)
  if (!serviceId)
    return iamRefusal(400, 'BXNIM0415E', 'Provided API key could not be found.', { url, requestId })
  const { contents } = state
  const issuedAt = Math.floor(state.nowMs() / 1000)
  const claims = {
    iam_id: `iam-${serviceId.id}`,
    id: `iam-${serviceId.id}`,
    realmid: 'iam',
    identifier: serviceId.id,
    sub: serviceId.id,
    sub_type: 'ServiceId',
    account: { valid: true, bss: contents.account },
    iat: issuedAt,
    exp: issuedAt + contents.tokenLifeSeconds,
    iss: `${url}/identity`,
    grant_type: 'urn:ibm:params:oauth:grant-type:apikey',
    scope: 'ibm openid',
    client_id: 'default',
    jti: `${contents.tokensIssued++}`,
  }
  const unsigned = `${base64url({ kid: 'fake', alg: 'HS256' })}.${base64url(claims)}`
  return {
    status: 200,
    body: {
      access_token: `${unsigned}.${sign(state, unsigned)}`,
      refresh_token: 'not_supported',
      token_type: 'Bearer',
      expires_in: contents.tokenLifeSeconds,
      expiration: claims.exp,
      scope: 'ibm openid',
    },
  }
}

function iamRefusal(
  status: number,
  errorCode: string,
  errorMessage: string,
  asked: { readonly url: string; readonly requestId: string },
): Reply {
  const context = { ...asked, requestType: 'incoming.Identity_Token', locale: 'en_US' }
  return { status, body: { context, errorCode, errorMessage } }
}

/** Throws the 401 or 400 that Key Protect answers to a token which is not good. */
export function callerOf(state: State, authorization: string | undefined): ServiceId {
  const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) throw plainRefusal(401)
  const [header = '', payload = '', signature = ''] = token.split('.')
  if (signature === '') throw refusal('BEARER_SUB_EXTRACTION_ERR', { doing: 'Token could not be read' })
  if (signature !== sign(state, `${header}.${payload}`)) throw plainRefusal(401)
  const { sub, exp, jti } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as {
    readonly sub: string
    readonly exp: number
    readonly jti: string
  }
  // An API key that is deleted ends no token: as with IBM, they live until their time is over.
  const serviceId = state.contents.serviceIds.find(({ id }) => id === sub)
  if (exp * 1000 <= state.nowMs() || Number(jti) < state.contents.tokensFrom || !serviceId)
    throw plainRefusal(401)
  return serviceId
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function sign(state: State, text: string): string {
  return createHmac('sha256', state.contents.tokenSecret).update(text).digest('base64url')
}
