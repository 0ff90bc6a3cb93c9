// Plays a sequence to Mortise and to the model, and compares the answers: status, reason, identifiers, states, attributes, and
// that the material of an object stays the same. Throws a Disagreement, which reads as a list of requests.

import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { operationExistsIn } from '../../../src/wire/kmip/operations.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { decode, operationOf, requestOf, takesObject, type Actual } from './messages.ts'
import type { Pair } from './mortise.ts'
import { existsIn, since, type Version } from '../../model/rules.ts'
import type { Item, Step } from './sequences.ts'
import { any } from '../../model/things.ts'
import type { Answer, Asked, Given, Instance, Payload } from '../../model/words.ts'

export class Disagreement extends Error {
  override readonly name = 'Disagreement'
}

/** Returns the number of requests. */
export async function play(steps: readonly Step[], pair: Pair): Promise<number> {
  const run = new Play(pair)
  for (const step of steps) await run.step(step)
  return run.requests
}

class Play {
  requests = 0
  readonly #pair: Pair
  readonly #beginning: bigint
  readonly #suffix: string
  readonly #told: string[] = []
  /** Those that the sequence made, by instance. */
  readonly #objects: string[][] = [[], []]
  readonly #material = new Map<string, string>()

  constructor(pair: Pair) {
    this.#pair = pair
    this.#beginning = pair.now()
    // Names that earlier sequences took are still taken.
    this.#suffix = ` since ${pair.identifiers.next()}`
  }

  async step({ passMs, client, version, option, items }: Step): Promise<void> {
    await this.#pair.pass(passMs)
    const instance = client >> 1
    const asked = items.flatMap((item) => this.#inVersion(item, instance, version))
    if (asked.length === 0) return
    this.requests += asked.length
    const message = encodeRequest({
      version,
      batchErrorContinuationOption: option,
      batchOrderOption: true,
      items: asked.map((one, index) => ({
        operation: operationOf(one),
        uniqueBatchItemId: Buffer.of(index + 1),
        payload: this.#encode(one, version),
      })),
    })
    const passed = `+${(passMs / 1_000).toString()} s`
    const batch = asked.length > 1 ? ` batch (${option})` : ''
    this.#told.push(`${passed} client ${client} of instance ${instance}, KMIP ${version}${batch}:`)
    const expected = this.#pair.models[instance]?.answer(version, asked, option, this.#pair.now()) ?? []
    const actual = decode(await this.#pair.ask(client, message), asked)
    for (const [index, one] of asked.entries()) {
      const [should, is] = [expected[index], actual[index]]
      if (!should && !is) continue
      this.#compare(one, { should, is, version, instance })
    }
  }

  // ---------------------------------------------------------------- Requests

  /** The item as this version can say it: nothing, or without the attributes that it lacks. */
  #inVersion({ target, asked }: Item, instance: number, version: Version): readonly Asked[] {
    if (!operationExistsIn(operationOf(asked), version)) return []
    if (asked.key !== undefined && !existsIn(asked.key, version)) return []
    if (asked.op === 'Create' && asked.type === 'SecretData' && !since(version, '1.4')) return []
    const id =
      target === 'placeholder' ? undefined : this.#target(target.n, target.own ? instance : 1 - instance)
    const said: Asked = { ...(this.#dated(asked) as Asked), id }
    if (said.given) return [{ ...said, given: known(said.given, version) }]
    if (said.op === 'Locate')
      return [
        {
          ...said,
          wanted: known(said.wanted ?? [], version),
          skip: since(version, '1.3') ? said.skip : undefined,
          fresh: since(version, '1.1') ? said.fresh : undefined,
        },
      ]
    if (!said.keys || said.keys.length === 0) return [said]
    const keys = said.keys.filter((key) => existsIn(key, version))
    return keys.length === 0 ? [] : [{ ...said, keys }]
  }

  #target(n: number, instance: number): string {
    const objects = this.#objects[instance] ?? []
    return objects[n % Math.max(1, objects.length)] ?? 'nothing'
  }

  #dated(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((one) => this.#dated(one))
    if ('NameValue' in value) return { ...value, NameValue: `${String(value.NameValue)}${this.#suffix}` }
    if ('at' in value) return this.#beginning + BigInt(value.at as number)
    return Object.fromEntries(Object.entries(value).map(([field, one]) => [field, this.#dated(one)]))
  }

  #encode(asked: Asked, version: Version): Buffer {
    const UniqueIdentifier = asked.id === undefined ? undefined : this.#pair.identifiers.real(asked.id)
    const request = requestOf(asked, version)
    return encodeRequestPayload(
      operationOf(asked),
      { ...(takesObject(asked) && { UniqueIdentifier }), ...request },
      version,
    )
  }

  // ---------------------------------------------------------------- Answers

  #compare(
    asked: Asked,
    {
      should,
      is,
      version,
      instance,
    }: { should: Answer | undefined; is: Actual | undefined; version: Version; instance: number },
  ): void {
    this.#told.push(`    ${shown(asked)}`)
    const fail = (what: string): never => {
      const objects = this.#pair.models[instance]?.things
        .filter(({ id }) => this.#objects[instance]?.includes(id))
        .map(({ id, type, state }) => `${id} ${type} ${state}`)
      throw new Disagreement(
        [
          ...this.#told,
          `model:   ${shown(should)}`,
          `mortise: ${shown(is && 'payload' in is ? { ...is, payload: this.#translated(is.payload) } : is)}`,
          what,
          `objects of the instance in the model: ${objects?.join(', ') ?? ''}`,
        ].join('\n'),
      )
    }
    if (should?.status !== is?.status || !should || !is) return fail('the status differs')
    if (should.status === 'OperationFailed') {
      if ('reason' in is && !should.reasons.includes(is.reason ?? '')) fail('the reason differs')
      this.#told.push(`      → ${'reason' in is ? is.reason : ''}`)
      return
    }
    if (should.status !== 'Success' || !('payload' in is)) return
    this.#bind(should.payload['id'], is.payload['id'], instance)
    const payload = this.#translated(is.payload)
    const { material, ...rest } = payload as Payload
    const difference = differs(should.payload, rest, {
      withoutUnasked: isAllIn1x(asked, version),
      is2x: since(version, '2.0'),
    })
    if (difference !== undefined) fail(difference)
    if (typeof material === 'string') {
      const id = String(should.payload['id'])
      if ((this.#material.get(id) ?? material) !== material) fail('the material changed')
      this.#material.set(id, material)
    }
    this.#told.push(`      → Success ${shown(should.payload['id'] ?? '')}`)
  }

  /** A new identifier of the model stands for the one that Mortise made. */
  #bind(modelled: unknown, real: unknown, instance: number): void {
    if (typeof modelled !== 'string' || typeof real !== 'string') return
    const { identifiers } = this.#pair
    if (!identifiers.isNew(modelled, real)) return
    identifiers.bind(modelled, real)
    this.#objects[instance]?.push(modelled)
  }

  #translated(value: unknown): unknown {
    if (typeof value === 'string') return this.#pair.identifiers.modelled(value)
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
    if (Array.isArray(value)) return value.map((one) => this.#translated(one))
    return Object.fromEntries(Object.entries(value).map(([field, one]) => [field, this.#translated(one)]))
  }
}

function known(given: readonly Given[], version: Version): readonly Given[] {
  return given.filter(({ key }) => existsIn(key, version))
}

// ---------------------------------------------------------------- Comparison

/** Get Attributes without names leaves these out for old clients, which end at them. */
const unasked: ReadonlySet<string> = new Set(['OriginalCreationDate', 'RandomNumberGenerator'])

function isAllIn1x(asked: Asked, version: Version): boolean {
  return asked.op === 'GetAttributes' && asked.keys?.length === 0 && !since(version, '2.0')
}

/** What differs; undefined: nothing. */
function differs(
  one: Payload,
  other: Payload,
  { withoutUnasked, is2x }: { readonly withoutUnasked: boolean; readonly is2x: boolean },
): string | undefined {
  // 2.x has no indices.
  const told = (instances: readonly Instance[] | undefined) =>
    is2x ? instances?.map(({ value }) => value) : instances
  for (const field of new Set([...Object.keys(one), ...Object.keys(other)])) {
    // A server may say how many match.
    if (field === 'total' && other[field] === undefined) continue
    if (field !== 'attributes') {
      if (!fits(one[field], other[field])) return `${field} differs`
      continue
    }
    const [mine, theirs] = [one[field], other[field]] as Readonly<Record<string, Instance[] | undefined>>[]
    for (const key of new Set([...Object.keys(mine ?? {}), ...Object.keys(theirs ?? {})])) {
      if (withoutUnasked && unasked.has(key)) continue
      const [should, is] = [told(mine?.[key]), told(theirs?.[key])]
      if (!fits(should, is)) return `the attribute ${key} is ${shown(is)} instead of ${shown(should)}`
    }
  }
  return undefined
}

function fits(should: unknown, is: unknown): boolean {
  if (should === any) return is !== undefined
  if (typeof should !== 'object' || should === null || typeof is !== 'object' || is === null)
    return should === is
  if (Array.isArray(should))
    return Array.isArray(is) && should.length === is.length && should.every((one, at) => fits(one, is[at]))
  const fields = new Set([...Object.keys(should), ...Object.keys(is)])
  return [...fields].every((field) =>
    fits((should as Record<string, unknown>)[field], (is as Record<string, unknown>)[field]),
  )
}

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part)) as
    string | undefined
  return (text ?? 'nothing').replaceAll(/"/g, '')
}
