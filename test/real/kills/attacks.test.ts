// Runs alone: it times a client beside attacks.
// The attacks of `npm run fuzz:wire`, each for a moment. What is asserted holds on a busy machine too; the bounds that
// each attack has are for fuzz:wire, on a quiet one.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startAttackedServer, type AttackedServer } from '../../support/attacks/attacked-server.ts'
import { attacks, type AttackName, type Bounds } from '../../support/attacks/all.ts'
import { tryAttack } from '../../support/attacks/trial.ts'
import { Victim } from '../../support/attacks/victim.ts'

const durationMs = 1_000
/** Where vCenter gives up. */
const answerMsMax = 10_000
/** No attack takes so much in so short a time, unless what it takes is never given back. */
const growthMBMax = 500
const busyAfterMax = 0.5

let attacked: AttackedServer
let victim: Victim
before(async () => {
  attacked = await startAttackedServer()
  victim = await Victim.open({ ...attacked.target.kmip, tls: attacked.victim })
})
after(async () => {
  victim[Symbol.dispose]()
  await attacked[Symbol.asyncDispose]()
})

for (const name of Object.keys(attacks) as AttackName[])
  test(`${attacks[name].what}: others are served, and afterwards the server is idle`, async (t) => {
    const { target, server } = attacked
    const { pid } = server.process
    const { during, server: used } = await tryAttack({ name, target, victim, durationMs, pid })
    t.diagnostic(JSON.stringify({ during, used }))
    for (const latencies of [during.fresh, during.kept]) {
      assert.equal(latencies.failed, 0)
      assert.ok(latencies.worst < answerMsMax)
    }
    assert.equal(server.process.exitCode, null)
    assert.ok(used)
    const { busyAfter = 0 }: Bounds = attacks[name].bounds
    assert.ok(used.busyAfter < Math.max(busyAfterMax, busyAfter), `${used.busyAfter} of a processor`)
    assert.ok(used.afterMB - used.beforeMB < growthMBMax, `${used.beforeMB} to ${used.afterMB} MB`)
    assert.doesNotMatch(server.stderr(), /"level":"(error|fatal)"|\berror\b/i)
  })
