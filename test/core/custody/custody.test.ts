// Both custodies keep the contract of src/core/custody/custody.ts.

import { suite } from 'node:test'
import { custodyNames } from '../../../src/core/custody/custody.ts'
import { custodyContract } from './custody-contract.ts'

for (const name of custodyNames) suite(`custody ${name}`, () => custodyContract(name))
