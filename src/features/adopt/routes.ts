// The part of the route table that is about adoption from another KMIP server, or from the keys that one left behind. One
// request begins it and others look at it: a client that stops looking stops nothing.

import { z } from 'zod'
import { namings } from './proof.ts'
import { contents, ways } from './wrapping-ways.ts'
import { adoptRequestIdentifiersMax } from '../../base/bounds.ts'
import { instancePath, route } from '../../doors/http/route.ts'
import { pem, serverToAsk } from '../../doors/http/schemas.ts'
import { failure } from '../../doors/http/shown-job.ts'

const listed = z
  .object({
    count: z.int(),
    items: z.array(z.object({ id: z.string(), why: z.string() })),
  })
  .meta({ id: 'AdoptionListed' })

const Report = z.object({
  server: z.string(),
  version: z
    .string()
    .nullable()
    .meta({ description: 'The version of KMIP in which the old server was asked; null: it was not.' }),
  dryRun: z.boolean(),
  objects: z.int().meta({ description: 'Identifiers that were looked at.' }),
  adopted: z.int(),
  updated: z.int().meta({ description: 'Adopted before, and changed at the old server since.' }),
  unchanged: z.int(),
  conflicts: listed.meta({
    description: 'The identifier is here with other bytes, or was destroyed here. Nothing was overwritten.',
  }),
  sharedNames: listed.meta({
    description:
      'Adopted without a Name that another object has. It stays as the custom attribute x-Mortise-Adopted-Name.',
  }),
  notStored: listed.meta({ description: 'Mortise cannot store them.' }),
  notStoredTypes: z.record(z.string(), z.int()).meta({ description: 'By Object Type, of those.' }),
  notExported: listed.meta({ description: 'The old server does not hand them out.' }),
  withoutAttributes: listed.meta({
    description: 'Adopted without attributes that the old server does not give.',
  }),
  notChecked: listed.meta({
    description: 'Not adopted, since nothing checks that what the standard key opens to is the key.',
  }),
  unchecked: z.int().meta({ description: 'Adopted all the same, because `unchecked` was set.' }),
  verified: z.object({ equal: z.int(), different: listed }).nullable().meta({
    description:
      'Read back from both servers and compared, or compared before they were adopted from standard keys; null: not asked for.',
  }),
})

const Adoption = z
  .object({
    id: z.string(),
    servers: z.array(z.string()).meta({
      description: 'The old server; or the root key beside which an old service left its keys.',
    }),
    state: z.enum(['running', 'done', 'failed']),
    step: z.enum(['list', 'adopt', 'verify']),
    done: z.int(),
    total: z.int().nullable().meta({ description: 'null: not known yet.' }),
    trouble: z.string().nullable().meta({ description: 'Why it waits at the moment; it goes on by itself.' }),
    report: Report.nullable().meta({ description: 'Once it is done.' }),
    error: failure('Why it failed. What was adopted stays; it can be begun again.'),
  })
  .meta({ id: 'Adoption' })

const identifier = z.string().min(1).max(1024)

const oldServer = {
  ...serverToAsk,
  privateKey: pem.meta({ description: 'Its private key. It is kept in memory while the adoption runs.' }),
}

const dryRun = z
  .boolean()
  .default(false)
  .meta({ description: 'Finds out what would be done, and does nothing.' })

const proof = z
  .object({
    rootKey: z.string().max(1000),
    ways: z
      .array(z.object({ way: z.enum(ways), content: z.enum(contents), naming: z.enum(namings) }))
      .min(1)
      .max(ways.length),
    salt: z.string().regex(/^[0-9a-f]{64}$/),
    checks: z.record(identifier, z.string().regex(/^[0-9a-f]{32}$/)),
  })
  .meta({ description: 'What `adopt probe --proof` wrote while the old service still answered.' })

const manager = { role: 'manager', scope: 'instance' } as const
const adoptions = `${instancePath}/adoptions`

export const adoptionRoutes = {
  beginAdoption: route({
    method: 'post',
    path: adoptions,
    ...manager,
    summary:
      'Adopt the objects of another KMIP server under the same identifiers. It only reads there; what is here already stays',
    body: z.strictObject({
      ...oldServer,
      ids: z.array(identifier).min(1).max(adoptRequestIdentifiersMax).optional().meta({
        description: 'The identifiers to adopt. Left out: all that the old server finds.',
      }),
      dryRun,
      verify: z.boolean().default(false).meta({
        description: 'Reads everything back from both servers afterwards, and compares digests.',
      }),
    }),
    answer: Adoption,
    status: 201,
  }),
  beginStandardKeyAdoption: route({
    method: 'post',
    path: `${instancePath}/standard-key-adoptions`,
    ...manager,
    summary:
      "Adopt the keys that IBM's KMIP for VMware left in Key Protect or HPCS as standard keys, by the ways that a probe proved. It only reads there; what is here already stays",
    body: z.strictObject({
      rootKey: z.string().max(1000).meta({ description: 'URI of the root key that the old service used.' }),
      apiKey: z.string().min(1).max(1000).meta({
        description:
          'API key of a service ID that may read standard keys there (ReaderPlus). It is kept in memory while the adoption runs.',
      }),
      proof: proof.optional(),
      oldServer: z.strictObject(oldServer).optional().meta({
        description:
          'The old service, while it still answers: each key is compared with it. Needed without a proof.',
      }),
      unchecked: z.boolean().default(false).meta({
        description: 'Adopts also keys that neither the old service nor the proof checks.',
      }),
      dryRun,
    }),
    answer: Adoption,
    status: 201,
    large: true,
  }),
  showAdoption: route({
    method: 'get',
    path: `${adoptions}/{adoption}`,
    ...manager,
    summary: 'How far an adoption is, and what it did; the last one is remembered until a restart',
    answer: Adoption,
  }),
  listAdoptions: route({
    method: 'get',
    path: adoptions,
    ...manager,
    summary: 'The adoption that runs or ran last; an empty list if there was none since the server started',
    answer: z.array(Adoption),
  }),
  compareAdopted: route({
    method: 'post',
    path: `${instancePath}/adoption-comparison`,
    ...manager,
    summary:
      'Compare every adopted object with the one that the upstream has, by digest; an adoption that adopts nothing',
    answer: Adoption,
    status: 201,
  }),
  checkAdoption: route({
    method: 'post',
    path: `${instancePath}/adoption-check`,
    role: 'viewer',
    scope: 'instance',
    summary: 'Which of these identifiers the instance does not have, or cannot serve any more',
    body: z.strictObject({ ids: z.array(identifier).min(1).max(adoptRequestIdentifiersMax) }),
    answer: z.object({
      present: z.int(),
      missing: z.array(identifier),
      destroyed: z.array(identifier),
    }),
  }),
} as const
