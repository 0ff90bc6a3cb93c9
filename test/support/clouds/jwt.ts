// Reads JSON Web Tokens as an authorization server does (RFC 7519), for the fakes.

import { constants, verify, type KeyObject } from 'node:crypto'

const paddings = {
  RS256: { padding: constants.RSA_PKCS1_PADDING },
  PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
} as const

export interface ReadJwt {
  readonly head: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly isSignedBy: (key: KeyObject, algorithm: keyof typeof paddings) => boolean
}

export function readJwt(token: string): ReadJwt {
  const [head = '', claims = '', signature = ''] = token.split('.')
  return {
    head: decode(head),
    claims: decode(claims),
    isSignedBy: (key, algorithm) =>
      verify(
        'sha256',
        Buffer.from(`${head}.${claims}`),
        { key, ...paddings[algorithm] },
        Buffer.from(signature, 'base64url'),
      ),
  }
}

function decode(part: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}
