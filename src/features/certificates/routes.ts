// The part of the route table about the certificate of the server.

import { z } from 'zod'
import { certificateDaysMax, certificateNamesMax } from '../../base/bounds.ts'
import { route } from '../../doors/http/route.ts'
import { pem, sha256Hex, shownSha256, time } from '../../doors/http/schemas.ts'

const CertificateOfServer = z.object({
  sha256: shownSha256,
  sha1: z.string().meta({ description: 'What vCenter shows as thumbprint.' }),
  subject: z.string(),
  issuer: z.string(),
  names: z.array(z.string()).meta({ description: 'DNS names and IP addresses.' }),
  key: z.string().meta({ example: 'RSA 2048' }),
  notBefore: time,
  notAfter: time,
  certificate: z.string().meta({ description: 'PEM, with the chain behind it if there is one.' }),
})

const ServerCertificate = CertificateOfServer.extend({
  authority: z.string().meta({ description: "Mortise's own CA, PEM." }),
  staged: CertificateOfServer.extend({
    origin: z.enum(['renewed', 'imported']),
    created: time,
    at: time
      .nullable()
      .meta({ description: 'When the server switches to it; null: when an administrator activates it.' }),
    warnings: z.array(z.string()),
  })
    .nullable()
    .meta({ description: 'The certificate to switch to: trust it in vCenter first.' }),
  previous: CertificateOfServer.nullable().meta({ description: 'The previous certificate, to go back to.' }),
  request: z
    .object({
      request: z.string().meta({ description: 'PKCS#10, PEM.' }),
      names: z.array(z.string()),
      created: time,
    })
    .nullable()
    .meta({ description: 'A request that waits for its certificate.' }),
}).meta({ id: 'ServerCertificate' })

const names = z
  .array(z.string().min(1).max(253))
  .min(1)
  .max(certificateNamesMax)
  .meta({
    description: 'All DNS names and IP addresses of the certificate.',
    example: ['kms.example.com'],
  })

const when = {
  at: time.optional().meta({ description: 'Switch to it at this time.' }),
  now: z.boolean().default(false).meta({ description: 'Switch to it at once.' }),
}

const mustBe = sha256Hex
  .optional()
  .meta({ description: 'The certificate that is meant; if it is another one by now, nothing is done.' })

const path = '/api/v1/server-certificate'
/** Needs a token for all instances, because every vCenter sees the certificate. */
const manager = { role: 'manager', scope: 'server' } as const

export const certificateRoutes = {
  showServerCertificate: route({
    method: 'get',
    path,
    role: 'viewer',
    scope: 'any',
    summary: 'The certificate of the KMIP listener, which vCenter pins, and the one staged to follow it',
    answer: ServerCertificate,
  }),
  requestServerCertificate: route({
    method: 'post',
    path: `${path}/request`,
    ...manager,
    summary: 'Make a key and a certificate request for your CA to sign, or show the request that waits',
    body: z.strictObject({
      names: names.optional(),
      replace: z.boolean().default(false).meta({ description: 'Replaces the request that waits.' }),
    }),
    answer: ServerCertificate,
  }),
  importServerCertificate: route({
    method: 'post',
    path: `${path}/import`,
    ...manager,
    summary: 'Stage the certificate that your CA made from the request',
    body: z.strictObject({ certificate: pem, ...when }),
    answer: ServerCertificate,
  }),
  renewServerCertificate: route({
    method: 'post',
    path: `${path}/renew`,
    ...manager,
    summary: "Make a new certificate with Mortise's own CA, and stage it",
    body: z.strictObject({
      names: names.optional(),
      days: z.int().min(1).max(certificateDaysMax).optional(),
      ...when,
    }),
    answer: ServerCertificate,
  }),
  activateServerCertificate: route({
    method: 'post',
    path: `${path}/activate`,
    ...manager,
    summary:
      'Switch to the staged certificate, now or at a time, or back to the previous one; connections are kept',
    body: z.strictObject({
      which: z.enum(['staged', 'previous']).default('staged'),
      at: time
        .nullable()
        .optional()
        .meta({ description: 'The time for the staged certificate; null removes it.' }),
      sha256: mustBe,
    }),
    answer: ServerCertificate,
  }),
  discardServerCertificate: route({
    method: 'delete',
    path: `${path}/staged`,
    ...manager,
    summary: 'Delete the staged certificate',
    query: z.strictObject({ sha256: mustBe }),
    answer: ServerCertificate,
  }),
} as const
