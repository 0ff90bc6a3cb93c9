// A step of the schema that was merged is never edited: databases that took it would have another shape than those that take it now,
// and a program that was tested with one would meet the other. A change is a new step, with its digest here.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { postgresSteps } from '../../../../src/outside/store/postgres/schema.ts'
import { migrations } from '../../../../src/outside/store/sqlite/migrations.ts'

const digests = {
  SQLite: [
    'aac4d418d4185b83',
    '873b61edcf6c4068',
    '21c7db7559c95ad5',
    'ff7ceb14c3e7c528',
    'f8962c6d579d1c1a',
    'f1120ee6352cd7b6',
    'c9134b410b3339aa',
    'b6c672c680ac8ec5',
    '9079c005c2c8118f',
    '5da7ab18c43254ba',
    'e9418dea6a85b0f4',
    '24a954035112650c',
    '1f10361c237e9d73',
    'daa2073fe84092f1',
    'a93c206a9a260484',
  ],
  PostgreSQL: [
    'cebf2de8e3a2ecb9',
    'b835f750c89a86ad',
    '01126eed6bc18cd1',
    'cfcb14ca55bb72a4',
    '7b6d633862b5b23f',
    'a0873ed5fb5cd6d6',
    '9c9eb2f216a91d75',
    'ba5c9bc6b50cb5ab',
  ],
}

for (const [name, steps] of [
  ['SQLite', migrations],
  ['PostgreSQL', postgresSteps],
] as const)
  test(`the steps of ${name} are those that were merged`, () => {
    const found = steps.map((step) => createHash('sha256').update(step).digest('hex').slice(0, 16))
    assert.deepEqual(found, digests[name])
  })
