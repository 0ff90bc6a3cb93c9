// The control door of the fake, plain HTTP on loopback: moves the clock, makes things go wrong, makes and changes
// service IDs, and tells what was called. No part of the real services.

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { faultKinds, type Fault, type FaultKind } from './faults.ts'
import { makeKey, present } from './keys.ts'
import { deleteKey, disable, enable, purge, restore, rotate } from './lifecycle.ts'
import type { KmipForVmware } from './kmip-for-vmware.ts'
import type { Listener, Traffic } from './listener.ts'
import { ofNobody } from './request.ts'
import { newServiceId, roles, type Policy, type State } from './state.ts'

export interface Controlled {
  readonly state: State
  readonly traffic: Traffic
  readonly listeners: Readonly<Record<'keyProtect' | 'iam', Listener>>
  /** Left out: it was not asked for. */
  readonly kmipForVmware?: KmipForVmware | undefined
}

export function createControl(controlled: Controlled): Server {
  return createServer((request, response) => {
    const answer = (status: number, body: object) => {
      controlled.state.save()
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(`${JSON.stringify(body, null, 2)}\n`)
    }
    handle(controlled, request).then(
      (body) => answer(body ? 200 : 404, body ?? { error: 'no such command' }),
      (error: unknown) => answer(400, { error: error instanceof Error ? error.message : String(error) }),
    )
  })
}

/** Commands by method and first part of the path. undefined: there is no such command. */
async function handle(controlled: Controlled, request: IncomingMessage): Promise<object | undefined> {
  const { state, traffic } = controlled
  const { contents } = state
  const [, command = '', name = '', more = ''] = (request.url ?? '').split('/')
  const given = await text(request)
  const input = (given === '' ? {} : JSON.parse(given)) as Record<string, unknown>
  switch (`${request.method} ${command}${more === '' ? '' : `/${more}`}`) {
    case 'GET state':
      return { ...contents, tokenSecret: undefined, now: new Date(state.nowMs()).toISOString() }
    case 'POST clock':
      contents.clockOffsetMs += Number(input['advanceSeconds'] ?? 0) * 1000
      return { now: new Date(state.nowMs()).toISOString() }
    case 'POST faults':
      traffic.faults.add(checkedFault(input))
      return input
    case 'DELETE faults':
      traffic.faults.clear()
      return {}
    case 'POST traffic':
      if (input['latencyMs'] !== undefined) traffic.latencyMs = Number(input['latencyMs'])
      if (input['perSecond'] !== undefined)
        traffic.perSecond = input['perSecond'] === null ? null : Number(input['perSecond'])
      return { latencyMs: traffic.latencyMs, perSecond: traffic.perSecond }
    case 'POST search':
      if (input['keysMax'] !== undefined) state.searchKeysMax = Number(input['keysMax'])
      if (input['lagMs'] !== undefined) state.listLagMs = Number(input['lagMs'])
      return { keysMax: state.searchKeysMax, lagMs: state.listLagMs }
    case 'POST roles':
      contents.missingRoleStatus = input['missing'] === 401 ? 401 : 403
      return { missing: contents.missingRoleStatus }
    case 'POST listeners':
      return setListeners(controlled, input)
    case 'POST kmip-for-vmware':
      return rewrapOld(controlled, input)
    case 'GET calls':
      return { calls: traffic.calls, inFlightMax: traffic.inFlightMax }
    case 'DELETE calls':
      traffic.calls = []
      traffic.inFlightMax = traffic.inFlight
      return {}
    case 'GET keys':
      return contents.keys.map((key) => present(state, key))
    case 'POST keys':
      return makeKeys(controlled, input)
    case 'POST instances': {
      const guid = randomUUID()
      contents.instances.push(guid)
      return { guid }
    }
    case 'POST tokens':
      contents.tokenLifeSeconds = Number(input['lifeSeconds'])
      return { lifeSeconds: contents.tokenLifeSeconds }
    case 'DELETE tokens':
      contents.tokensFrom = contents.tokensIssued
      return {}
    default: {
      const whole = `${request.method} ${command}${more === '' ? '' : `/${more}`}`
      return command === 'keys'
        ? actOnKey(controlled, name, more)
        : serviceIds(controlled, whole, name, input)
    }
  }
}

/** Many at once, in the first instance: `name-1`, `name-2` and so on. */
function makeKeys({ state }: Controlled, { count, name, ...more }: Record<string, unknown>): object {
  const [instance = ''] = state.contents.instances
  const ids: string[] = []
  for (let number = 1; number <= Number(count); number++) {
    ids.push(makeKey(state, instance, { ...more, name: `${String(name)}-${number}` }))
  }
  return ids
}

const actions = { rotate, disable, enable, delete: deleteKey, restore, purge }

/** What the administrator of a key does, without a token: for people with curl at hand. */
function actOnKey({ state }: Controlled, idOrAlias: string, action: string): object | undefined {
  const key = state.contents.instances
    .map((instance) => state.key(instance, idOrAlias))
    .find((found) => found !== undefined)
  if (!key || !Object.hasOwn(actions, action)) return undefined
  actions[action as keyof typeof actions]({ ...ofNobody(state, key.instance), key })
  return present(state, key)
}

function serviceIds(
  { state }: Controlled,
  command: string,
  id: string,
  input: Record<string, unknown>,
): object | undefined {
  const { contents } = state
  if (command === 'POST service-ids') {
    const made = newServiceId(checkedPolicies(input))
    contents.serviceIds.push(made)
    return made
  }
  const serviceId = contents.serviceIds.find((candidate) => candidate.id === id)
  if (!serviceId) return undefined
  switch (command) {
    case 'PUT service-ids/policies':
      serviceId.policies = checkedPolicies(input)
      return serviceId
    case 'DELETE service-ids/api-key':
      serviceId.apiKey = null
      return serviceId
    case 'POST service-ids/api-key':
      serviceId.apiKey = newServiceId([]).apiKey
      return serviceId
    default:
      return undefined
  }
}

function rewrapOld({ kmipForVmware }: Controlled, { aad }: Record<string, unknown>): object {
  if (!kmipForVmware)
    throw new Error('the old service does not run: npm run key-protect-fake -- --kmip-for-vmware')
  if (!Array.isArray(aad) || !aad.every((one) => typeof one === 'string'))
    throw new Error('aad is a list of texts, the associated data of its keys; an empty one: none')
  return { keys: kmipForVmware.rewrap(aad), aad }
}

async function setListeners({ listeners }: Controlled, input: Record<string, unknown>): Promise<object> {
  for (const [name, listener] of Object.entries(listeners)) {
    if (input[name] === 'down') await listener.down()
    if (input[name] === 'up') await listener.up()
  }
  return input
}

function checkedFault(input: Record<string, unknown>): Fault {
  if (typeof input['on'] !== 'string' || !Object.hasOwn(faultKinds, String(input['kind'])))
    throw new Error(
      `a fault has "on" (a call's name, or *) and "kind": ${Object.keys(faultKinds).join(', ')}`,
    )
  return { ...input, on: input['on'], kind: input['kind'] as FaultKind }
}

function checkedPolicies(input: Record<string, unknown>): Policy[] {
  const policies = input['policies'] as Policy[] | undefined
  const fine = policies?.every(
    (policy) => typeof policy.instance === 'string' && policy.roles.every((role) => roles.includes(role)),
  )
  if (!policies || fine !== true)
    throw new Error(`{"policies":[{"instance":GUID,"roles":[…]}]}, with roles of ${roles.join(', ')}`)
  return policies
}
