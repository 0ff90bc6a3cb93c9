// A message with more broken batch items than a batch may have is refused without reading each of them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRequest, RequestError } from '../../../src/wire/kmip/message.ts'
import { messageBytesMax } from '../../../src/base/bounds.ts'

/** An item of TTLV: tag, type and value in hex, whose length is a multiple of eight. */
function item(tag: string, type: string, value: string): string {
  return tag + type + (value.length / 2).toString(16).padStart(8, '0') + value
}

function integer(tag: string, value: number): string {
  return `${tag}0200000004${value.toString(16).padStart(8, '0')}00000000`
}

test('a message of broken items beyond the largest batch is refused without long work', () => {
  const count = 19_000
  const version = item('420069', '01', integer('42006a', 1) + integer('42006b', 4))
  const header = item('420077', '01', version + integer('42000d', count))
  const broken = item('42000f', '01', integer('420042', 1))
  const message = Buffer.from(item('420078', '01', header + broken.repeat(count)), 'hex')
  assert.ok(message.length < messageBytesMax)
  const before = process.cpuUsage()
  for (let time = 0; time < 15; time += 1)
    assert.throws(
      () => decodeRequest(message),
      (error) => error instanceof RequestError && /more than 1000 batch items/.test(error.message),
    )
  const { user } = process.cpuUsage(before)
  assert.ok(user < 1_200_000, `${user / 1_000} ms`)
})
