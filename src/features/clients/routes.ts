// The part of the route table about clients: trusted ones, those that wait to be trusted, and blocked certificates.

import { z } from 'zod'
import { certificateDaysMax } from '../../base/bounds.ts'
import { instancePath, route } from '../../doors/http/route.ts'
import {
  allow,
  graceDays,
  name,
  namesNoChange,
  pem,
  sha256Hex,
  shownSha256,
  namesChange,
  time,
} from '../../doors/http/schemas.ts'
import { productNames, unknownProduct } from './products/table.ts'

/** The user name and the password on a client. */
const userNameCharactersMax = 256
const passwordCharactersMax = 1_024

const credentialMode = z.enum(['when-sent', 'required']).meta({
  description:
    'when-sent: the server checks a password that a message carries. required: every operation needs the password, except those that ask about the server, find keys, or read or add attributes; vCenter sends none with these.',
})

const warningsOfCertificate = z.array(z.string()).meta({
  description:
    'Why it should be replaced: a weak key or signature, a date that is past, the certificate of a CA where that of a client is expected.',
})

const CertificateShown = z.object({
  sha256: shownSha256,
  subject: z.string().nullable().meta({ description: 'null: the certificate cannot be read.' }),
  notBefore: time.nullable(),
  notAfter: time.nullable(),
  warnings: warningsOfCertificate,
  lastSeen: time.nullable(),
  lastAddress: z.string().nullable(),
  created: time,
})

const Client = z
  .object({
    id: z.string(),
    name: z.string().meta({ example: 'vcenter-1' }),
    instance: z.object({ id: z.string(), name: z.string() }),
    expiredGraceDays: z.int().nullable().meta({
      description:
        'How many days after their expiry its certificates are still accepted; null: as set for the instance.',
    }),
    credential: z.object({ mode: credentialMode, userName: z.string() }).nullable().meta({
      description:
        'A user name and password besides the certificate; null: the server ignores any that the client sends.',
    }),
    lastSeen: z.object({ at: time, address: z.string(), certificateSha256: shownSha256 }).nullable().meta({
      description: 'When, from where and with which certificate it last connected; null: never.',
    }),
    allow: z.array(z.string()).meta({
      description:
        'The operations of KMIP that it may request, and sets of them (vsphere, read, crypto, all).',
      example: ['all'],
    }),
    created: time,
    certificates: z
      .array(CertificateShown)
      .meta({ description: 'The certificates trusted by their fingerprint.' }),
    authorities: z
      .array(
        z.object({
          id: z.string(),
          sha256: shownSha256,
          authority: z.string().nullable().meta({
            description: "The CA's subject; null: the certificate cannot be read.",
          }),
          subject: z.string().meta({
            description: 'The pattern that the subject of a leaf certificate must match.',
            example: 'kmipClient*',
          }),
          notAfter: time.nullable(),
          warnings: warningsOfCertificate,
          created: time,
        }),
      )
      .meta({
        description:
          'The trusted CAs: a leaf certificate of one of them with a matching subject is this client.',
      }),
  })
  .meta({ id: 'Client' })

const Trusted = Client.extend({
  sha256: shownSha256.meta({
    description: 'The SHA-256 of the certificate or CA that this request trusted.',
  }),
})

const Block = z.object({ sha256: shownSha256, reason: z.string(), created: time }).meta({ id: 'Block' })

const PendingClient = z
  .object({
    sha256: shownSha256,
    subject: z.string().nullable().meta({
      description:
        'What the client says about itself, not verified. null: the certificate cannot be read, so it cannot be trusted.',
    }),
    // A server of an older version does not say it.
    issuer: z.string().nullable().default(null).meta({
      description: 'Who signed the certificate, as it says itself; not verified.',
    }),
    notAfter: time.nullable(),
    address: z.string(),
    first: time,
    last: time,
    attempts: z.int().meta({ description: 'How many connections it has made.' }),
    certificate: z.string().meta({ description: 'PEM.' }),
  })
  .meta({ id: 'PendingClient' })

const newAllow = allow.optional().meta({
  description:
    'The operations that a new client may request. Left out: vsphere. A client that exists keeps its own.',
})

const product = z
  .enum(productNames, { error: ({ input }) => unknownProduct(String(input)) })
  .optional()
  .meta({
    description:
      'The product that the client is, in place of allow: it gets what the product needs. Refused if the instance has other rules (names, lengths, legacyWrap) than the product needs. docs/clients.md lists the products.',
  })

const trustBody = z
  .discriminatedUnion('by', [
    z.strictObject({ by: z.literal('certificate'), name, certificate: pem, allow: newAllow, product }),
    z.strictObject({
      by: z.literal('authority'),
      name,
      authority: pem,
      subject: z.string().min(1).max(1024).default('kmipClient*'),
      everyCertificate: z.boolean().default(false).meta({
        description:
          'Needed for a subject pattern that fits every certificate of the CA: the CA of a vCenter signs every host and service user too.',
      }),
      leavePinned: z.boolean().default(false).meta({
        description:
          'Trusts the CA although it signed certificates that are pinned in other instances; those stay there.',
      }),
      allow: newAllow,
      product,
    }),
    z.strictObject({ by: z.literal('pending'), name, sha256: sha256Hex, allow: newAllow, product }),
  ])
  .meta({
    description:
      'certificate: trusts exactly this certificate. authority: trusts leaf certificates that this CA itself signed and whose subject matches. pending: trusts a certificate that connected, by its whole SHA-256. If there are several instances this needs a token for all of them, unless Mortise signed the certificate for this instance.',
    example: {
      by: 'pending',
      name: 'vcenter-1',
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    },
  })

const credentialBody = z.strictObject({
  mode: credentialMode,
  userName: z.string().min(1).max(userNameCharactersMax).optional(),
  password: z.string().min(1).max(passwordCharactersMax).optional(),
})

export const clientRoutes = {
  listClients: route({
    method: 'get',
    path: `${instancePath}/clients`,
    role: 'viewer',
    scope: 'instance',
    summary: 'The clients, with the certificates and CAs that each is trusted by',
    answer: z.array(Client),
  }),
  showClient: route({
    method: 'get',
    path: `${instancePath}/clients/{client}`,
    role: 'viewer',
    scope: 'instance',
    summary: 'One client, with its certificates and when each was last seen',
    answer: Client,
  }),
  setClient: route({
    method: 'patch',
    path: `${instancePath}/clients/{client}`,
    role: 'operator',
    scope: 'instance',
    summary: 'Rename a client or change its settings; takes effect on its next message',
    body: z
      .strictObject({
        name,
        expiredGraceDays: graceDays.nullable(),
        credential: credentialBody.nullable().meta({
          description: 'null removes it. Without user name and password, those that are set stay.',
        }),
        allow,
      })
      .partial()
      .refine(namesChange, namesNoChange),
    answer: Client,
  }),
  removeCertificate: route({
    method: 'delete',
    path: `${instancePath}/clients/{client}/certificates/{certificate}`,
    role: 'operator',
    scope: 'instance',
    summary: 'Withdraw trust from one certificate or CA of a client',
    answer: Client,
  }),
  trustClient: route({
    method: 'post',
    path: `${instancePath}/clients`,
    role: 'operator',
    scope: 'instance',
    summary: 'Trust a certificate or a CA as a client',
    body: trustBody,
    answer: Trusted,
    status: 201,
  }),
  signClient: route({
    method: 'post',
    path: `${instancePath}/clients/sign`,
    role: 'operator',
    scope: 'instance',
    summary: 'Sign a certificate request and trust the certificate as a client',
    body: z.strictObject({
      name,
      request: pem.meta({ description: 'PKCS#10, PEM.' }),
      days: z.int().min(1).max(certificateDaysMax).optional(),
      allow: newAllow,
      product,
    }),
    answer: Trusted.extend({
      certificate: z.string().meta({ description: 'PEM.' }),
      authority: z.string().meta({ description: 'The CA that signed it, PEM.' }),
    }),
    status: 201,
  }),
  removeClient: route({
    method: 'delete',
    path: `${instancePath}/clients/{client}`,
    role: 'operator',
    scope: 'instance',
    summary: 'Withdraw trust from a client and all its certificates; takes effect on its next message',
    answer: z.object({ id: z.string(), name: z.string() }),
  }),
  listPending: route({
    method: 'get',
    path: '/api/v1/pending',
    role: 'viewer',
    scope: 'server',
    summary: 'Unknown certificates that connected and wait for a decision',
    answer: z.array(PendingClient),
  }),
  blockCertificate: route({
    method: 'post',
    path: '/api/v1/blocks',
    role: 'operator',
    scope: 'server',
    summary: 'Block a certificate, even if a client or a CA vouches for it',
    body: z.strictObject({ sha256: sha256Hex, reason: z.string().max(200).default('') }),
    answer: Block,
    status: 201,
  }),
  listBlocks: route({
    method: 'get',
    path: '/api/v1/blocks',
    role: 'viewer',
    scope: 'server',
    summary: 'The blocked certificates',
    answer: z.array(Block),
  }),
  unblockCertificate: route({
    method: 'delete',
    path: '/api/v1/blocks/{certificate}',
    role: 'operator',
    scope: 'server',
    summary: 'Remove a block; the certificate is trusted again if a client or a CA vouches for it',
    answer: Block,
  }),
}
