// Schemas that several parts of the route table use.

import { z } from 'zod'
import { didYouMean } from '../../base/text/closest.ts'
import { enums } from '../../wire/kmip/enums.ts'
import { allowSets } from '../../core/trust/allow.ts'
import { certificateBytesMax, clientNameCharactersMax, listPageMax } from '../../base/bounds.ts'

/** Operations, and sets of them, in a client's `allow`. */
const allowTermsMax = 100
/** The longest grace for an expired certificate. */
const expiredGraceDaysMax = 3_650

export const time = z.iso.datetime().meta({ example: '2026-03-01T12:00:00.000Z' })

export const shownClosing = z.object({
  at: time,
  by: z.string().meta({ example: 'alice' }),
  reason: z.string().meta({ example: 'a host was stolen' }),
})

export const shownSha256 = z
  .string()
  .meta({ example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' })

export const sha256Hex = z
  .string()
  .transform((text) => text.replaceAll(/[:\s]/g, '').toLowerCase())
  .pipe(z.string().regex(/^[0-9a-f]{64}$/, 'must be a whole SHA-256: 64 hexadecimal digits'))
  .meta({ description: 'SHA-256 of the DER, in hex; colons and capitals are fine.' })

export const pem = z.string().max(certificateBytesMax)

/** A name. People see it on terminals and use it in paths. */
export const name = z
  .string()
  .trim()
  .min(1)
  .max(clientNameCharactersMax)
  .regex(/^(?!\.{1,2}$)[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'it has characters that cannot be shown')

const allowTerms = [...allowSets, ...Object.keys(enums.Operation)]
const plain = (term: string) => term.replaceAll(/[-_ ]/g, '').toLowerCase()

/**
 * The operations that a client may request, in their stored form: sets in lower case, operations as KMIP writes them.
 */
export const allow = z
  .array(
    z
      .string()
      .max(100)
      .transform((term, context) => {
        const known = allowTerms.find((candidate) => plain(candidate) === plain(term))
        if (known !== undefined) return known
        const suggestion = didYouMean(plain(term), allowTerms.map(plain))
        const message = `${term} is no operation of KMIP, nor one of these sets of them: ${allowSets.join(', ')}${suggestion}`
        context.addIssue({ code: 'custom', message })
        return z.NEVER
      }),
  )
  .min(1)
  .max(allowTermsMax)
  .transform((terms) => [...new Set(terms)])
  .meta({
    description:
      'Operations of KMIP (Get, Locate, ...; capitals and hyphens do not matter) and sets of them: vsphere (what vSphere sends; no Destroy), read, crypto (has the server use keys; no Get), all (every operation but SetConstraints and SetDefaults, which a list names). Query and Discover Versions are always allowed.',
    example: ['vsphere'],
  })

export const ibmApiKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,1000}$/, 'must be an API key, on one line and nothing else')
  .meta({
    description:
      'The API key of the service ID with which this instance uses Key Protect or HPCS. Left out: the one that it has, or that of the server. Mortise tries it at once, stores it sealed, and never shows it.',
  })

/** All attributes of an object, or those that a rule is about. */
export const shownAttributes = z.array(z.object({ name: z.string(), index: z.int(), value: z.unknown() }))

/** How a body names the old server of an adoption or an upstream. */
export const serverToAsk = {
  servers: z.array(z.string().min(1).max(300)).min(1).max(16).meta({
    description: 'Addresses of the old server: HOST or HOST:PORT. All of them serve the same keys.',
  }),
  certificate: pem.meta({ description: 'A client certificate that the old server trusts.' }),
  trust: z
    .union([
      z.strictObject({ authority: pem }),
      z.strictObject({ fingerprint: z.string().regex(/^[0-9a-f]{64}$/) }),
    ])
    .meta({
      description: 'How to recognize the old server: the CA that signed its certificate, or its SHA-256.',
    }),
}

/** As the client of the old server takes it. */
export function serverTrust(trust: z.output<typeof serverToAsk.trust>) {
  return 'authority' in trust
    ? ({ by: 'authority', pem: trust.authority } as const)
    : ({ by: 'fingerprint', sha256: trust.fingerprint } as const)
}

export const page = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(listPageMax)
    .default(100)
    .meta({ description: 'At most this many.' }),
  after: z.string().max(500).optional().meta({ description: 'The `after` of the page before.' }),
}

export const nextPage = z
  .string()
  .nullable()
  .meta({ description: 'Pass as `after` for the next page; null: this is the last.' })

export const graceDays = z.int().min(0).max(expiredGraceDaysMax)

export function namesChange(body: object): boolean {
  return Object.values(body).some((value) => value !== undefined)
}

export const namesNoChange = 'names nothing to change'
