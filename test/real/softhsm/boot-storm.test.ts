// Hosts boot while the token is removed, or its PIN is refused: what was in memory is served while the token is away, all else is refused
// soon, a refused PIN is not tried again, and everything is served once it is back.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { bootStorm } from '../../support/load/boot-storm.ts'
import { SoftHsm } from './site.ts'

const hsm = new SoftHsm()
const env = { ...hsm.env, MORTISE_PKCS11_MODULES: hsm.module }
before(async () => {
  hsm.makeToken('main')
  const giveBack = hsm.useEnvironment()
  await hsm.makeKey('main', 'aes')
  giveBack()
})
after(() => hsm.remove())
const rootKey = hsm.uri('main', 'aes')

test('the token is removed', async (t) => {
  let bringBack: (() => void) | undefined
  await bootStorm({
    rootKey,
    env,
    lose: async () => {
      bringBack = hsm.takeAway()
    },
    bringBack: async () => bringBack?.(),
    onBooted: async () => {},
    say: (text) => t.diagnostic(text),
  })
})

test('the PIN is refused', async (t) => {
  let before = 0
  await bootStorm({
    rootKey,
    env,
    refusal: /the root key of this instance (was withdrawn|cannot be reached at the moment)/,
    lose: async () => {
      hsm.tell('fail C_Login 0xa0')
      before = hsm.noted('logins')
    },
    bringBack: async ({ data }) => {
      hsm.tell()
      rmSync(path.join(data, 'pkcs11/refused-pins.json'))
    },
    onBooted: async (when) => {
      const tried = hsm.noted('logins') - before
      t.diagnostic(`${when}: the PIN was tried ${tried} times`)
      // The session that is there goes on. Without it, the PIN counts.
      if (when === 'without a key in memory') assert.equal(tried, 1)
      else assert.ok(tried <= 2)
    },
    say: (text) => t.diagnostic(text),
  })
})
