// The examples of the rules for new objects in the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import type { objectRuleRoutes } from './object-rule-routes.ts'

const rule = {
  objectTypes: ['SymmetricKey'],
  objectGroups: [],
  attributes: [
    { name: 'CryptographicAlgorithm', index: 0, value: 'AES' },
    { name: 'CryptographicLength', index: 0, value: 256 },
  ],
}
const ofDisks = {
  objectTypes: ['SymmetricKey'],
  objectGroups: ['disks'],
  attributes: [{ name: 'CryptographicUsageMask', index: 0, value: 12 }],
}

export const objectRuleExamples: Examples<typeof objectRuleRoutes> = {
  listDefaults: { answer: [rule] },
  clearDefaults: { answer: { removed: [rule] } },
  listConstraints: { answer: [rule, ofDisks] },
  clearConstraints: { answer: { removed: [rule, ofDisks] } },
}
