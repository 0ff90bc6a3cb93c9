// A plain, slow key server in memory, without keys, bytes and store, written from the specification: what each operation does, and
// which refusals are right. Where several apply, the reason of any is right, since the specification gives them no order.

import { appliesTo, existsIn, reasonsOf, ruleOf, since, ways } from './rules.ts'
import type { Change, Refusal, Version } from './rules.ts'
import { any, kept, matches, same, Thing } from './things.ts'
import type { Answer, Asked, Instance, Op, Payload } from './words.ts'

/** Its message has the reasons that are right. */
class Refused extends Error {}

/** What the server sets in any new object as it likes. */
const chosen = ['Digest', 'LeaseTime', 'KeyFormatType', 'ShortUniqueIdentifier', 'ProtectionStorageMask']

/** Table 173, and what the server sets again in any new object. */
const notCopied =
  'DestroyDate CompromiseOccurrenceDate CompromiseDate RevocationReason Link Fresh OriginalCreationDate RandomNumberGenerator'

/** One instance of the server: its clients share its objects. */
export class ModelServer {
  things: Thing[] = []
  readonly #newId: () => string
  /** The time of the message that is answered, in seconds since 1970, and its version. */
  #now = 0n
  #version: Version = '1.0'
  #placeholder: string | undefined

  constructor(newId: () => string) {
    this.#newId = newId
  }

  answer(version: Version, items: readonly Asked[], option: string, now: bigint): readonly Answer[] {
    this.#now = now
    this.#version = version
    this.#placeholder = undefined
    const atFirst = this.things.map((thing) => new Thing(thing))
    const answers: Answer[] = []
    for (const item of items) {
      const before = this.things.map((thing) => new Thing(thing))
      const placeholder: string | undefined = this.#placeholder
      try {
        answers.push({ status: 'Success', payload: this.#do(item) })
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        this.things = option === 'Undo' ? atFirst : before
        this.#placeholder = placeholder
        if (option === 'Undo') for (const at of answers.keys()) answers[at] = { status: 'OperationUndone' }
        answers.push({ status: 'OperationFailed', reasons: error.message.split(' ') })
        if (option !== 'Continue') break
      }
    }
    return answers
  }

  #do(asked: Asked): Payload {
    if (asked.op === 'Query') return {}
    if (asked.op === 'Locate') return this.#locate(asked)
    if (asked.op === 'Create' || asked.op === 'Register') return { id: this.#create(asked).id }
    const thing = this.#find(asked.id)
    // Only these are there for archived objects (KMIP 1.4 §11): what a published case of Archive asks for, and Recover.
    const isThere = ['GetAttributes', 'GetAttributeList', 'Recover'].includes(asked.op)
    this.#refuse({ archived: thing.attributes.has('ArchiveDate') && !isThere })
    const act = this.#acts[asked.op] ?? this.#attribute.bind(this)
    return { id: thing.id, ...act(thing, asked) }
  }

  readonly #acts: { readonly [O in Op]?: (thing: Thing, asked: Asked) => Payload } = {
    GetAttributes: (thing, { keys }) => ({ attributes: this.#visible(thing, keys) }),
    GetAttributeList: (thing) => ({ keys: Object.keys(this.#visible(thing)).toSorted() }),
    Get: (thing) => {
      this.#refuse({
        destroyed: thing.isGone,
        sensitive: thing.value('Sensitive') === true,
        notExtractable: thing.value('Extractable') === false,
      })
      thing.put({ Fresh: false })
      return { type: thing.type }
    },
    Activate: (thing) => {
      // 1.4 §4.19 is about cryptographic objects, 2.1 §6.1.1 about all.
      this.#refuse({ notToActivate: thing.type === 'OpaqueObject' && !since(this.#version, '2.0') })
      return this.#step(thing, 'activate', 'wrongState', { ActivationDate: this.#now })
    },
    Revoke: (thing, { code = '' }) => {
      const RevocationReason = { RevocationReasonCode: code }
      const at = code.endsWith('Compromise')
        ? { CompromiseDate: this.#now, CompromiseOccurrenceDate: thing.value('InitialDate') }
        : { DeactivationDate: this.#now }
      const change = code.endsWith('Compromise') ? 'compromise' : 'deactivate'
      return this.#step(thing, change, 'notRevocable', { RevocationReason, ...at })
    },
    Destroy: (thing) => {
      const otherwise = thing.isGone ? 'destroyedBefore' : 'wrongState'
      return this.#step(thing, 'destroy', otherwise, { DestroyDate: this.#now })
    },
    Archive: (thing) => {
      this.#refuse({ destroyed: thing.isGone })
      return this.#changed(thing, { ArchiveDate: this.#now })
    },
    Recover: (thing) => {
      this.#placeholder = thing.id
      return thing.attributes.delete('ArchiveDate') ? this.#changed(thing) : {}
    },
    ObtainLease: (thing) => {
      this.#refuse({ destroyed: thing.isGone, notGranted: thing.state === 'Compromised' })
      return { lease: any, changed: thing.value('LastChangeDate') }
    },
    Check: (thing, { mask = 0, count = 0n, lease = 0 }) => {
      const wrongMask = (mask & thing.number('CryptographicUsageMask')) !== mask
      this.#refuse({ wrongMask: wrongMask && since(this.#version, '2.1') })
      const tooMany = thing.limits !== undefined && count > thing.limits.UsageLimitsCount
      // The server limits a lease to an hour, and above it denies one for a compromised object (1.4 §4.17 permits both).
      const tooLong = lease > 3_600
      if (!wrongMask && !tooMany && !tooLong) return {}
      this.#placeholder = undefined
      const fails = { ...(wrongMask && { mask }), ...(tooMany && { count }), ...(tooLong && { lease }) }
      return { id: undefined, fails }
    },
    GetUsageAllocation: (thing, { count = 0n }) => {
      const UsageLimitsCount = (thing.limits?.UsageLimitsCount ?? 0n) - count
      this.#refuse({
        destroyed: thing.isGone,
        noKey: thing.type === 'OpaqueObject',
        nothingToAllocate: !thing.limits,
        // Sign 0x1, Encrypt 0x4, Wrap Key 0x10, MAC Generate 0x80, Derive Key 0x200, Certificate Sign 0x1000 (1.4 §9.1.3.3.1).
        cannotProtect: (thing.number('CryptographicUsageMask') & 0x1295) === 0,
        notToProtect: thing.state !== 'Active' || this.#isOver(thing.value('ProtectStopDate')),
        notGranted: UsageLimitsCount < 0n,
      })
      return this.#changed(thing, { UsageLimits: { ...thing.limits, UsageLimitsCount } })
    },
    /** §4.4, tables 172 and 173. */
    ReKey: (thing, { op, offset, given = [] }) => {
      const old = thing.value('ActivationDate') as bigint | undefined
      const dates = ['ProcessStartDate', 'ProtectStopDate', 'DeactivationDate'].filter((key) =>
        thing.attributes.has(key),
      )
      // "SHOULD only be performed once": this server refuses while the replacement is there.
      const to = thing.links.find(({ LinkType }) => LinkType === 'ReplacementObjectLink')
      const isReplaced = this.things.some((one) => one.id === to?.LinkedObjectIdentifier && !one.isGone)
      this.#refuse({
        destroyed: thing.isGone,
        cannotReKey: thing.type !== 'SymmetricKey' || isReplaced,
        offsetBesideDates: offset !== undefined && given.some(({ key }) => key.endsWith('Date')),
        offsetWithoutActivation: offset !== undefined && old === undefined && dates.length > 0,
      })
      const next = new Thing(thing)
      for (const key of notCopied.split(' ')) next.set(key, [])
      if (offset !== undefined) {
        const moved = this.#now + BigInt(offset)
        for (const key of dates) next.put({ [key]: (thing.value(key) as bigint) + moved - (old ?? 0n) })
        next.put({ ActivationDate: moved })
      }
      const RotateGeneration = thing.number('RotateGeneration') + 1
      next.put({ RotateDate: this.#now, RotateGeneration, RotateLatest: true })
      if (thing.limits) next.put({ UsageLimits: kept('UsageLimits', thing.limits) })
      for (const { key } of given) if (key !== 'Name') next.set(key, [])
      next.setValues('Name', thing.values('Name'))
      thing.set('Name', [])
      const made = this.#create({ op, type: thing.type, given }, next)
      this.#changed(thing, { RotateLatest: false })
      thing.link('ReplacementObjectLink', made)
      made.link('ReplacedObjectLink', thing)
      return { id: made.id }
    },
  }

  /** `inherited`: what a new key takes over from the one that it replaces. */
  #create({ op, type = 'SymmetricKey', given = [] }: Asked, inherited?: Thing): Thing {
    const attributes = inherited?.attributes ?? new Map<string, readonly Instance[]>()
    const thing = new Thing({ id: this.#newId(), type, attributes, state: 'PreActive' })
    this.#refuse({
      notOnCreation: given.some(({ key }) => !ruleOf(key).rights.includes('c')),
      otherTypeOnCreation: given.some(({ key }) => !appliesTo(key, type, this.#version)),
      nameTakenOnCreation: given.some(({ key, value }) => key === 'Name' && this.#isTaken(value)),
    })
    for (const { key, value } of given)
      thing.set(key, [...thing.all(key), { index: thing.all(key).length, value: kept(key, value) }])
    const [Sensitive, Extractable] = [thing.value('Sensitive') === true, thing.value('Extractable') !== false]
    if (op !== 'Register') thing.put({ OriginalCreationDate: this.#now })
    const own = type === 'OpaqueObject' ? 'OpaqueDataType' : 'RandomNumberGenerator'
    const ifAbsent = { [own]: any, Fresh: true }
    thing.put(Object.fromEntries(Object.entries(ifAbsent).filter(([key]) => thing.value(key) === undefined)))
    thing.put(Object.fromEntries(chosen.map((key) => [key, any])))
    thing.put({ Sensitive, AlwaysSensitive: Sensitive, Extractable, NeverExtractable: !Extractable })
    this.#changed(thing, { UniqueIdentifier: thing.id, ObjectType: type, InitialDate: this.#now })
    this.things.push(thing)
    this.#placeholder = thing.id
    return thing
  }

  #find(id = this.#placeholder): Thing {
    const thing = this.things.find((one) => one.id === id) ?? this.#refused('noObject')
    // Dates that were reached change the state (transitions 4 and 6).
    if (thing.state === 'PreActive' && this.#isOver(thing.value('ActivationDate'))) thing.state = 'Active'
    if (thing.state === 'Active' && this.#isOver(thing.value('DeactivationDate'))) thing.state = 'Deactivated'
    thing.put({ State: thing.state })
    return thing
  }

  #isOver(date: unknown): boolean {
    return typeof date === 'bigint' && date <= this.#now
  }

  #changed(thing: Thing, values: Payload = {}): Payload {
    thing.put({ ...values, LastChangeDate: this.#now })
    return {}
  }

  #step(thing: Thing, change: Change, otherwise: Refusal, values: Payload): Payload {
    thing.state = ways[thing.state][change] ?? this.#refused(otherwise)
    return this.#changed(thing, values)
  }

  #visible(thing: Thing, keys: readonly string[] = []): Record<string, readonly Instance[]> {
    // What one version gave an object, the others show, too; but not a State that they do not know of such objects.
    const isSeen = (key: string) =>
      existsIn(key, this.#version) && (key !== 'State' || appliesTo(key, thing.type, this.#version))
    // Secrets may be guessed by their digest, so this server shows it only while it hands the secret out.
    const isGiven = thing.value('Sensitive') !== true && thing.value('Extractable') !== false
    const isHere = !thing.isGone && !thing.attributes.has('ArchiveDate')
    const hidden = (isGiven && isHere) || thing.type === 'SymmetricKey' ? '' : 'Digest'
    const isAsked = (key: string) => key !== hidden && (keys.length === 0 || keys.includes(key))
    return Object.fromEntries([...thing.attributes].filter(([key]) => isSeen(key) && isAsked(key)))
  }

  /** Add, Modify and Delete Attribute; Set and Adjust Attribute, which add what is absent and modify what is there. */
  #attribute(thing: Thing, asked: Asked): Payload {
    const { op, key = '', by } = asked
    const { rights, states, multiple, fixed } = ruleOf(key)
    const present = thing.all(key)
    const isNew = present.length === 0
    const isAdd = op === 'AddAttribute'
    const isModify = op === 'ModifyAttribute'
    const isDelete = op === 'DeleteAttribute'
    const isSet = !isAdd && !isModify && !isDelete
    this.#refuse({
      readOnlyToAdd: isAdd && !rights.includes('a'),
      readOnlyToChange: (isModify && !rights.includes('m')) || (isDelete && !rights.includes('d')),
      readOnlyToSet: isSet && !rights.includes(isNew ? 'a' : 'm'),
      absent: isModify && isNew,
      absentToDelete: isDelete && isNew,
      several: isSet && present.length > 1,
    })
    // A reference of 2.x, which has neither index nor value, means all instances.
    const isOfAll = isSet || (isDelete && since(this.#version, '2.0') && asked.current === undefined)
    const gone = isAdd ? [] : isOfAll ? present : [this.#which(present, asked)]
    const left = present.filter((one) => !gone.includes(one))
    const value = by === undefined ? asked.value : this.#adjusted(key, present[0]?.value, by)
    this.#refuse({
      otherType: gone.length === 0 && !appliesTo(key, thing.type, this.#version),
      exists: isAdd && !isNew && multiple !== true,
      wrongState: !isDelete && gone.length > 0 && states?.includes(thing.state) === false,
      fixed: gone.some((one) => fixed?.(one.value, this.#now)),
      nameTaken: !isDelete && key === 'Name' && this.#isTaken(value, thing, left),
    })
    const index = gone[0]?.index ?? Math.max(-1, ...present.map((one) => one.index)) + 1
    const instance = { index, value: isDelete ? gone[0]?.value : kept(key, value) }
    thing.set(key, isDelete ? left : [...left, instance].toSorted((a, b) => a.index - b.index))
    if (key === 'Sensitive' && value === false) thing.put({ AlwaysSensitive: false })
    if (key === 'Extractable' && value === true) thing.put({ NeverExtractable: false })
    this.#changed(thing)
    // 1.x repeats the attribute in its answers.
    return isSet || since(this.#version, '2.0') ? {} : { attribute: { key, ...instance } }
  }

  #which(present: readonly Instance[], { index, current }: Asked): Instance {
    const only = present.length === 1 ? present[0] : undefined
    if (since(this.#version, '2.0')) {
      const meant = current === undefined ? only : present.find(({ value }) => same(value, current))
      return meant ?? this.#refused('noInstance')
    }
    // 1.0 §4.15: it needs the index where there are several.
    if (this.#version === '1.0' && index === undefined) return only ?? this.#refused('indexNeeded')
    return present.find((one) => one.index === (index ?? 0)) ?? this.#refused('noInstance')
  }

  #adjusted(key: string, old: unknown, by: number | 'negate'): unknown {
    const isFlag = key === 'Sensitive' || key === 'Extractable'
    const integer = (old as { readonly type?: string } | undefined)?.type === 'Integer'
    this.#refuse({
      wrongType: (by === 'negate') !== isFlag || !(isFlag || integer || key === 'ProtectionPeriod'),
    })
    if (by === 'negate') return old !== true
    if (integer) return { type: 'Integer', value: (old as { readonly value: number }).value + by }
    const next = ((old as number | undefined) ?? 0) + by
    this.#refuse({ numericRange: next < 0 || next >= 2 ** 32 })
    return next
  }

  /** A Name is unique among objects that are not destroyed; in 2.x, where values tell instances apart, in its own object too. */
  #isTaken(name: unknown, by?: Thing, others: readonly Instance[] = []): boolean {
    const has = (instances: readonly Instance[]) => instances.some(({ value }) => same(value, name))
    if (since(this.#version, '2.0') && has(others)) return true
    return by?.isGone !== true && this.things.some((one) => one !== by && !one.isGone && has(one.all('Name')))
  }

  /** KMIP 1.4 §4.9. */
  #locate({ wanted = [], storage = 1, most = Infinity, skip = 0, fresh = false }: Asked): Payload {
    const asked = Map.groupBy(wanted, ({ key }) => key)
    const found = this.things.toReversed().filter(({ id }) => {
      const thing = this.#find(id)
      const place = thing.isGone ? 4 : thing.attributes.has('ArchiveDate') ? 2 : 1
      if ((place & storage) === 0 || (fresh && thing.value('Fresh') !== true)) return false
      return [...asked].every(([key, all]) => matches(key, this.#visible(thing, [key])[key] ?? [], all))
    })
    // This server hands out fresh members in the order in which they came.
    const ids = (fresh ? found.toReversed() : found).map(({ id }) => id).slice(skip, skip + most)
    this.#placeholder = ids.length === 1 ? ids[0] : undefined
    return { ids, total: found.length }
  }

  #refuse(applies: { readonly [R in Refusal]?: boolean }): void {
    const refusals = (Object.keys(applies) as Refusal[]).filter((one) => applies[one])
    if (refusals.length > 0) this.#refused(...refusals)
  }

  #refused(...refusals: readonly Refusal[]): never {
    throw new Refused(refusals.map((one) => reasonsOf(one, this.#version)).join(' '))
  }
}
