// Examples of the routes about instances, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { at, held, recoverable, upstreamSample } from '../../doors/http/samples.ts'
import { objectRuleExamples } from './object-rule-examples.ts'
import type { objectRuleRoutes } from './object-rule-routes.ts'
import type { instanceRoutes } from './routes.ts'

const instance = {
  id: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61',
  name: 'production',
  custody: 'database',
  rootKey: 'file:root.key',
  ibmApiKeySource: 'none',
  cacheSeconds: 300,
  outageSeconds: 3600,
  expiredGraceDays: 30,
  portable: false,
  objectsMax: 2_000_000,
  bytesMax: 4_294_967_296,
  destroyDelaySeconds: 604_800,
  names: 'unique',
  lengths: 'strict',
  legacyWrap: false,
  restrictions: 'as-sent',
  wrappingKeys: [] as { id: string; wraps: boolean }[],
  closed: null,
  rules: { defaults: 0, constraints: 0 },
  created: at,
} as const

const work = {
  id: 'b0f6a3c2-7f41-4e58-9d2a-60c5e1d87b93',
  kind: 'move',
  from: { rootKey: 'file:production.key', custody: 'database', leavesStandardKeys: false },
  started: at,
  done: 100,
  total: 122,
  trouble: null,
  node: null,
} as const

export const examples: Examples<typeof instanceRoutes & typeof objectRuleRoutes> = {
  listInstances: { answer: [instance] },
  showInstance: {
    answer: {
      ...instance,
      objects: { Active: 120, PreActive: 1 },
      clients: 1,
      work,
      upstream: upstreamSample,
      keyVersions: [
        { version: '6b2f4c1e-9a0d-4b57-8a3c-5d1e7f20c9b4', newest: true, count: 100 },
        { version: '0e7d3a95-1c4f-4d68-b2a7-93f5c8e1d640', newest: false, count: 21 },
      ],
      countedAs: 'data key',
      recoverable,
      limits: held,
      notRecoverable: { count: 0, ids: [] },
      rootKeyEnds: null,
      revocation: { withinSeconds: 300, unreachableSeconds: 3900, ofSingleKeys: false },
    },
  },
  setRootKey: {
    body: {
      rootKey:
        'keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6/02fd6835-6001-4482-a892-13bd2085f75d',
      custody: 'keyprotect',
    },
    answer: { ...instance, work, warnings: [] },
  },
  rewrapInstance: { answer: { ...instance, work: { ...work, kind: 'rewrap' } } },
  createInstance: { body: { name: 'production', cacheSeconds: 300 }, answer: { ...instance, warnings: [] } },
  setInstance: {
    body: { cacheSeconds: 60, outageSeconds: 0 },
    answer: { ...instance, cacheSeconds: 60, outageSeconds: 0 },
  },
  deleteInstance: {
    answer: {
      id: instance.id,
      name: instance.name,
      receipt: {
        at,
        dataKeys: [{ id: '85920f3211205b972831fdf9148e0570', rootKey: 'file:root.key', created: at }],
        standardKeys: 0,
        standardKeysLeft: { count: 0, rootKeys: [], cause: null },
        objects: { Active: 120 },
        auditEntry: 'instance.shred',
      },
    },
  },
  ...objectRuleExamples,
}
