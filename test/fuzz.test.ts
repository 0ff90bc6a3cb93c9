// The fuzzer itself: it finds a planted fault and makes its input small, a seed repeats a run, and each target holds for its
// seeds and some hundred inputs more; test/vectors/fuzz keeps seeds and what was found,
// which must not come back.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { fuzz, type Target } from './support/fuzz/engine.ts'
import { fuzzTargets } from './support/fuzz/targets.ts'
import { readVectors } from './support/values/vectors.ts'

const targets = fuzzTargets()
after(async () => {
  for (const target of targets) await target.close?.()
})

const planted: Target = {
  name: 'planted',
  seeds: () => [Buffer.from('{"a":1,"b":[2,3]}')],
  words: ['"__proto__"'],
  run(input) {
    const text = input.toString('latin1')
    if (text.includes('"__proto__"') && text.includes('[')) throw new TypeError(`found at ${input.length}`)
    return String(input.length % 7)
  },
}

test('a planted fault is found, made as small as it gets, and found again with the same seed', async () => {
  const extent = { seed: 5, inputs: 20_000, seconds: 60 }
  const [one, other] = [await fuzz(planted, extent), await fuzz(planted, extent)]
  assert.equal(one.findings.length, 1)
  assert.match(String(one.findings[0]?.input), /^(\["__proto__"|"__proto__"\[)$/)
  assert.deepEqual(other.findings[0]?.input, one.findings[0]?.input)
})

const refuses = () => {
  throw new TypeError('always')
}

test('a target that refuses every input has its finding reported', async () => {
  const { findings } = await fuzz({ ...planted, run: refuses }, { seed: 5, inputs: 100, seconds: 60 })
  assert.equal(findings.length, 1)
})

for (const target of targets)
  test(`${target.name}: its seeds, and what comes of them`, async () => {
    const seeds = await target.seeds()
    assert.ok(seeds.length > 0)
    const { findings, outcomes } = await fuzz(target, { seed: 1, inputs: seeds.length + 200, seconds: 60 })
    assert.deepEqual(findings, [])
    assert.ok(outcomes.size > 2, `${outcomes.size} outcomes`)
  })

for (const { name, expect, bytes } of readVectors('fuzz'))
  test(`kept: ${name}`, async () => {
    const target = targets.find((one) => one.name === expect[0]) ?? assert.fail(`no target ${expect[0]}`)
    await target.run(Buffer.from(bytes))
  })
