// The trial with a standard key, when custody keyprotect is chosen, against the fake: what it makes and deletes,
// which role is missing, answers that are lost, a service that lags behind, and what earlier trials left.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test, type TestContext } from 'node:test'
import { standardKeyTriesMax } from '../../../../src/base/bounds.ts'
import { rootKeyAnswerTimeoutMs } from '../../../../src/outside/rootkey/bounds.ts'
import { rootKeyTriesMax } from '../../../../src/outside/rootkey/https/repeats.ts'
import { standardKeyGivenUpMs } from '../../../../src/outside/rootkey/keyprotect/preflight.ts'
import { standardKeyTrialClearMs } from '../../../../src/outside/rootkey/keyprotect/trial-cleanup.ts'
import { checkRootKey } from '../../../../src/outside/rootkey/open.ts'
import type { Clock } from '../../../../src/core/ports/clock.ts'
import { KeyProtectFake } from '../../../support/key-protect/fake.ts'
import { sideOf } from '../../../support/key-protect/mortise.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'
import { until } from '../../../support/time/until.ts'
import { withoutPauses } from '../../../support/time/without-pauses.ts'

test('a check for custody keyprotect makes a standard key, reads it and deletes it', async (t) => {
  const site = await newSite(t)
  const checked = await site.check()
  assert.equal(checked.id, site.rootKey)
  assert.deepEqual(checked.warnings, [])
  const calls = (await site.fake.calls()).map(({ call }) => call)
  assert.deepEqual(calls.slice(-4), ['create', 'get', 'list', 'delete'])
  assert.deepEqual(await site.live(), [])
})

test('a check for custody database makes none', async (t) => {
  const site = await newSite(t)
  await checkRootKey(site.fake.uri(site.rootKey), { ...site.side.options, standardKeys: false })
  assert.equal((await site.fake.calls('create')).length, 0)
})

for (const [role, refused, left] of [
  [undefined, 'look at the key', false],
  ['Reader', 'make standard keys', false],
  ['Writer', 'delete standard keys', true],
] as const)
  test(`a check with the role ${role ?? 'none'} says at once that Manager is missing${left ? ', and which key is left' : ''}`, async (t) => {
    const site = await newSite(t)
    const serviceId = await site.fake.serviceId({ roles: role ? [role] : [] })
    const own = sideOf(site.fake, serviceId.apiKey)
    const remains = ' The standard key mortise-trial-\\w+ \\([0-9a-f-]{36}\\) is left there: delete it\\.'
    const says = `may not ${refused}\\..*service role Manager for all that it is to do there: .*--roles Manager --service-name kms --service-instance ${site.fake.about.instance}\\. .*${left ? remains : ''}$`
    await assert.rejects(
      checkRootKey(site.fake.uri(site.rootKey), { ...own.options, standardKeys: true }),
      reaches('root-key', new RegExp(says)),
    )
    assert.equal((await site.live()).length, left ? 1 : 0)
    const deletions = (await site.fake.calls('delete')).length
    assert.ok(deletions <= 2, `a refusal is not asked again but for a new token: ${deletions}`)
    own.sessions.close()
  })

// ------------------------------------------------------------------ answers that are lost

void describe('answers that are lost', { concurrency: true }, () => {
  test('a create whose answer is lost: another trial does, and both keys are deleted', async (t) => {
    const site = await newSite(t)
    await site.fake.fault({ on: 'create', kind: 'reset-after' })
    const { warnings } = await site.check()
    assert.deepEqual(warnings, [])
    assert.equal((await site.fake.calls('create')).length, 2)
    await site.noneLeftOf(2)
  })

  test('a create that ends after its connection was cut is found and deleted', async (t) => {
    const site = await newSite(t)
    await site.fake.fault({ on: 'create', kind: 'reset-late', ms: 1 })
    const { warnings } = await site.check()
    assert.deepEqual(warnings, [])
    await site.noneLeftOf(2)
  })

  test('a node that does not know the new key yet is asked again', async (t) => {
    const site = await newSite(t)
    await site.fake.fault({ on: 'get', kind: 'status', status: 404, times: 2 })
    assert.deepEqual((await site.check()).warnings, [])
    assert.equal((await site.fake.calls('create')).length, 1)
    assert.deepEqual(await site.live(), [])
  })

  test('a list that lags behind hides nothing from the trial', async (t) => {
    const site = await newSite(t)
    await site.fake.control('POST', 'search', { lagMs: 2_500 })
    await site.fake.fault({ on: 'create', kind: 'reset-after' })
    const { warnings } = await site.check()
    assert.deepEqual(warnings, [])
    await site.noneLeftOf(2)
  })

  test('a create that never arrived: the trial does, and names what could be left', async (t) => {
    const site = await newSite(t)
    await site.fake.fault({ on: 'create', kind: 'reset-before' })
    const { warnings } = await site.check()
    assert.equal(warnings.length, 1)
    assert.match(
      warnings[0] ?? '',
      /^An answer of the service was lost, and no standard key was found for it\. If there is a standard key mortise-trial-\w+, delete it\.$/,
    )
    await site.noneLeftOf(1)
  })

  test('no create is answered: it fails after a few, and everything is deleted again', async (t) => {
    const site = await newSite(t)
    await site.fake.fault({ on: 'create', kind: 'reset-after', times: null })
    await assert.rejects(
      site.check(),
      reaches(
        'unreachable',
        /connection was reset \(ECONNRESET\)\. Mortise has deleted what the service made all the same: try once more$/,
      ),
    )
    await site.noneLeftOf(standardKeyTriesMax)
  })

  test('no create arrives: it fails, and names what could be left', async (t) => {
    const site = await newSite(t)
    await site.fake.fault({ on: 'create', kind: 'reset-before', times: null })
    await assert.rejects(
      site.check(),
      reaches('unreachable', /not known\. If there is a standard key mortise-trial-\w+, delete it\.$/),
    )
    assert.equal((await site.fake.calls('create')).length, standardKeyTriesMax)
  })

  test('a service that is gone after a lost answer is not waited for long', async (t) => {
    // Time that is left to the service passes once it hangs.
    const answers = new MovableClock()
    const pauses = withoutPauses()
    const clock = {
      ...pauses,
      monotonic: () => pauses.monotonic() + answers.monotonic(),
      after: (ms: number, work: () => void) => answers.after(ms, work),
    }
    const site = await newSite(t, clock)
    await site.fake.fault({ on: 'create', kind: 'reset-after' })
    await site.fake.fault({ on: '*', kind: 'hang', times: null, skip: 3 })
    const began = clock.monotonic()
    const refused = reaches('unreachable', /If there is a standard key mortise-trial-\w+, delete it\.$/)
    const ended = assert.rejects(site.check(), refused).then(() => true)
    let hung = 0
    const hanging = async () => (await site.fake.calls()).filter(({ fault }) => fault === 'hang').length
    const another = () => until(async () => (await hanging()) > hung, 'another call hangs').then(() => false)
    while (!(await Promise.race([ended, another()]))) {
      hung = await hanging()
      answers.pass(rootKeyAnswerTimeoutMs)
    }
    // The second create waits for its answer as any call does.
    const atMostMs = rootKeyAnswerTimeoutMs + standardKeyTrialClearMs
    assert.ok(clock.monotonic() - began < atMostMs + 5_000)
  })

  test('a delete whose answer is lost is a delete', async (t) => {
    const site = await newSite(t)
    for (const times of [1, null]) {
      await site.fake.fault({ on: 'delete', kind: 'reset-after', times })
      assert.deepEqual((await site.check()).warnings, [])
      await site.noneLeftOf(times === 1 ? 1 : 2)
    }
  })

  test('a delete that is not answered for a while is asked again', async (t) => {
    const site = await newSite(t)
    await site.fake.fault({ on: 'delete', kind: 'reset-before', times: rootKeyTriesMax + 1 })
    assert.deepEqual((await site.check()).warnings, [])
    await site.noneLeftOf(1)
  })

  test('a delete that never arrives fails the check, which names the key', async (t) => {
    const site = await newSite(t)
    await site.fake.fault({ on: 'delete', kind: 'reset-before', times: null })
    await assert.rejects(
      site.check(),
      reaches(
        'unreachable',
        /Whether the standard key mortise-trial-\w+ \([0-9a-f-]{36}\) was deleted is not known: if it is still there, delete it\.$/,
      ),
    )
    assert.equal((await site.live()).length, 1)
  })
})

// ------------------------------------------------------------------ what earlier trials left

test('keys of trials of long ago are deleted, others are not', async (t) => {
  const site = await newSite(t)
  const long = await Promise.all([
    site.leave('mortise-trial-0123456789abcdef'),
    site.leave('mortise-trial-other'),
  ])
  const foreign = [await site.leave('mortise-trial-foreign', 'somebody else'), await site.leave('a-trial')]
  await site.fake.advance(standardKeyGivenUpMs / 1000 + 60)
  const running = await site.leave('mortise-trial-running')
  await site.check()
  const left = (await site.fake.control<{ id: string; state: number }[]>('GET', 'keys'))
    .filter(({ state }) => state !== 5)
    .map((key) => key.id)
  for (const key of long) assert.ok(!left.includes(key))
  for (const key of [...foreign, running, site.rootKey]) assert.ok(left.includes(key))
})

test('what cannot be listed, or deleted, of earlier trials is left, and the check goes well', async (t) => {
  const site = await newSite(t)
  const long = await site.leave('mortise-trial-0123456789abcdef')
  await site.fake.advance(standardKeyGivenUpMs / 1000 + 60)
  await site.fake.fault({ on: 'list', kind: 'status', status: 400, times: null })
  assert.deepEqual((await site.check()).warnings, [])
  await site.fake.calm()
  await site.fake.fault({ on: 'delete', kind: 'status', status: 400, skip: 1 })
  assert.deepEqual((await site.check()).warnings, [])
  assert.deepEqual(
    (await site.live()).map((key) => key.id),
    [long],
  )
})

/** A fake of its own for each test, so that those which wait can wait at the same time. */
async function newSite(t: TestContext, clock: Clock = withoutPauses()) {
  const fake = await KeyProtectFake.start()
  // Pauses pass for the service too.
  const sleep = async (ms: number) => {
    await clock.sleep(ms)
    await fake.advance(ms / 1000)
  }
  const apiKey = readFileSync(fake.about.managerApiKeyFile, 'utf8').trim()
  const side = sideOf(fake, apiKey, { clock: { ...clock, sleep } })
  t.after(async () => {
    side.sessions.close()
    await fake.stop()
  })
  const rootKey = await fake.rootKey()
  await fake.forgetCalls()
  const live = async () => {
    const keys = await fake.control<{ id: string; name: string; state: number }[]>('GET', 'keys')
    return keys.filter(({ name, state }) => name.startsWith('mortise-trial-') && state !== 5)
  }
  return {
    fake,
    side,
    rootKey,
    check: () => checkRootKey(fake.uri(rootKey), { ...side.options, standardKeys: true }),
    /** Trial keys that are not deleted. */
    live,
    async noneLeftOf(made: number) {
      const created = (await fake.calls('create')).filter(({ fault }) => fault !== 'reset-before')
      assert.equal(created.length, made)
      assert.deepEqual(await live(), [])
    },
    async leave(name: string, description = 'mortise 1 trial: may be deleted'): Promise<string> {
      const [left] = await fake.manyKeys(1, name, { extractable: true, description })
      return left ?? assert.fail('no key')
    },
  }
}
