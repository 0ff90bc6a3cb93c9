// Checks whether all addresses serve the same keys: by their lists, without changing anything; and, if allowed, by a
// test key that goes through everything a vCenter key does. It is created at one address, used at the others, and then
// destroyed.

import { endingRefusal } from '../../outside/kmip-client/calls.ts'
import { KmipSession } from '../../outside/kmip-client/session.ts'
import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { addressText } from '../../base/kmip-address.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { isMissing, type Visitor } from './doctor-client.ts'
import type { Findings } from './doctor-findings.ts'
import type { VCenterSession } from './vcenter-session.ts'

/** One address that admits the client, and the list for its findings. */
export interface Node {
  readonly visitor: Visitor
  readonly findings: Findings
}

const sameKeysMend =
  'All servers of one provider must be nodes of one key server, on the same data: vCenter makes a key at one and asks another for it a moment later. Take ' +
  'this one out of the provider (Key Providers > the server > Remove; an IP address of a name: out of DNS) until it has the keys; never add two servers with data of their own.'

const logMend = 'Look at the log of the server for this moment.'

// ---------------------------------------------------------------- without a change

/** How many keys each address is asked about. */
const comparedMax = 20

export async function compareLists(nodes: readonly Node[]): Promise<void> {
  if (nodes.length < 2) return
  const listed = await Promise.all(nodes.map(async ({ visitor }) => newestKeys(visitor)))
  const known = [...new Set(listed.flatMap((ids) => ids ?? []))]
  for (const [index, { visitor, findings }] of nodes.entries()) {
    const own = new Set(listed[index])
    const foreign = known.filter((id) => !own.has(id)).slice(0, comparedMax)
    const answers = await Promise.all(foreign.map(async (id) => askFor(visitor, id)))
    const missing = answers.filter((answer) => answer === 'missing').length
    const unclear = answers.find((answer) => answer instanceof Error)
    if (missing > 0)
      findings.fault(
        'keys',
        `does not know ${missing} of ${foreign.length} keys that another address lists`,
        sameKeysMend,
      )
    if (unclear)
      findings.warning(
        'keys',
        `does not say of all keys that another address lists whether it knows them: ${unclear.message}`,
        logMend,
      )
    else if (missing === 0 && listed[index] && listed.some((ids, other) => other !== index && ids?.length))
      findings.good('keys', 'knows the newest keys of the other addresses')
  }
}

/** Undefined if the server refuses to list: vCenter never asks for lists. */
async function newestKeys(visitor: Visitor): Promise<readonly string[] | undefined> {
  return quietly(
    visitor.withConnection(async (connection) => {
      const session = new KmipSession(connection, '1.1')
      const { UniqueIdentifier } = await session.request('Locate', {
        MaximumItems: comparedMax,
        Attribute: [],
      })
      return UniqueIdentifier.slice(0, comparedMax)
    }),
  )
}

/** An error: the address did not say it. */
async function askFor(
  visitor: Visitor,
  id: string,
): Promise<'known' | 'missing' | KmipRefused | KmipTransportError> {
  try {
    await visitor.work(async (session) => session.state(id))
    return 'known'
  } catch (error) {
    if (error instanceof KmipRefused) return isMissing(error) ? 'missing' : error
    if (error instanceof KmipTransportError) return error
    throw error
  }
}

async function quietly<T>(doing: Promise<T>): Promise<T | undefined> {
  try {
    return await doing
  } catch (error) {
    if (error instanceof KmipRefused || error instanceof KmipTransportError) return undefined
    throw error
  }
}

// ---------------------------------------------------------------- with a test key

const tags = [
  ['x-Vendor', 'Mortise doctor'],
  ['x-Name', 'test key, to be destroyed'],
  ['x-Component', 'Test'],
] as const

/** Creates at the first address and does everything else at all of them. False if a step failed. */
export async function tryKey(nodes: readonly Node[]): Promise<boolean> {
  const [first] = nodes
  if (!first || (await mayNotDestroy(first))) return false
  const id = await step(first, 'Create', async (session) => session.create('doctor', 'trial'))
  if (id === undefined) return false
  const last = nodes.at(-1) ?? first
  try {
    const steps = [
      await everywhere(nodes, 'Get of the test key', async (session) => session.get(id)),
      (await step(last, 'Activate', async (session) => session.activate(id).then(() => true))) === true,
      await everywhere(nodes, 'State of the test key', async (session) => session.state(id), 'Active'),
    ]
    const noted = await tag(first, last, id)
    const good = steps.every(Boolean) && noted !== 'failed'
    const at = nodes.length > 1 ? 'fetched and activated at each address' : 'fetched, activated'
    if (good)
      first.findings.good(
        'keys',
        `a test key was made here, ${at}${noted === 'added' ? ' and tagged' : ', not tagged'}`,
      )
    return good
  } finally {
    await destroy(first, id)
  }
}

/** vCenter continues if its notes are refused; the run log then records it. */
async function tag(first: Node, last: Node, id: string): Promise<'added' | 'refused' | 'failed'> {
  const added = await step(first, 'Add Attribute', async (session) => session.addAttributes(id, tags))
  if (added === undefined) return 'failed'
  if (!added) return 'refused'
  const [name, value] = tags[1]
  const read = await step(last, 'Get Attributes', async (session) => session.attribute(id, name))
  if (read?.includes(value) === true) return 'added'
  if (read !== undefined)
    last.findings.fault('keys', 'an attribute that was added to the test key is missing', sameKeysMend)
  return 'failed'
}

/** Runs the step at each address. All must give one answer, and that is `expected` where the caller states it. */
async function everywhere(
  nodes: readonly Node[],
  what: string,
  run: (session: VCenterSession) => Promise<string>,
  expected?: string,
): Promise<boolean> {
  const answers = await Promise.all(nodes.map(async (node) => step(node, what, run)))
  const right = expected ?? answers[0]
  for (const [index, { findings }] of nodes.entries()) {
    const answer = answers[index]
    if (answer !== undefined && right !== undefined && answer !== right)
      findings.fault('keys', `${what}: the answer differs from the other addresses'`, sameKeysMend)
  }
  return answers.every((answer) => answer !== undefined && answer === right)
}

async function step<T>(
  node: Node,
  what: string,
  run: (session: VCenterSession) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await node.visitor.work(run)
  } catch (error) {
    if (error instanceof KmipRefused)
      node.findings.fault('keys', `${what}: ${error.message}`, refusedMend(error))
    else if (error instanceof KmipTransportError)
      node.findings.fault('keys', `${what}: ${error.what}`, unansweredMend(what, error))
    else throw error
    return undefined
  }
}

function unansweredMend(what: string, { stage }: KmipTransportError): string {
  if (what !== 'Create' || (stage !== 'answer' && stage !== 'protocol')) return logMend
  return `The server may have made the test key all the same, and the doctor cannot destroy what it does not know: look for it (Mortise: mortise audit list --action key.create). ${logMend}`
}

function refusedMend(refused: KmipRefused): string {
  if (isMissing(refused)) return sameKeysMend
  if (refused.operation === 'Create')
    return 'The server admits the client but lets it create no keys: give it the right, or check the disk, root key or HSM behind the server.'
  return 'vCenter does this with each key: the client needs the right to it. The log of the server says more.'
}

/** Reports a client that could not destroy the test key: then none is made. */
async function mayNotDestroy({ visitor, findings }: Node): Promise<boolean> {
  const refused = await quietly(
    visitor.withConnection(async (connection) =>
      endingRefusal(new KmipSession(connection, '1.1'), ['Revoke', 'Destroy']),
    ),
  )
  if (!refused) return false
  findings.fault(
    'keys',
    `no test key was made, since this client could not destroy it: ${refused.message}`,
    'vCenter needs neither Revoke nor Destroy; the test does. Try with another client (Mortise: mortise client issue --name doctor --allow vsphere,Revoke,Destroy --out doctor).',
  )
  return true
}

/** Deactivates an Active key first. Reports each key that cannot be destroyed, by name. */
async function destroy({ visitor, findings }: Node, id: string): Promise<void> {
  try {
    await visitor
      .work(async (session) => session.revoke(id, 'CessationOfOperation'))
      .catch((error: unknown) => {
        if (!(error instanceof KmipRefused)) throw error
      })
    await visitor.work(async (session) => session.destroy(id))
  } catch (error) {
    if (!(error instanceof KmipRefused) && !(error instanceof KmipTransportError)) throw error
    findings.warning(
      'keys',
      `the test key ${id} at ${addressText(visitor.address)} could not be destroyed: ${error.message}`,
      `Destroy it by hand (Mortise: mortise key destroy ${shellWord(id)}).`,
    )
  }
}
