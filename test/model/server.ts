// A plain, slow key server in memory, written from the specification: what each operation does to objects, and which refusals
// are right. It has no keys, no bytes and no store. Where several refusals apply, the reason of any is right, since the
// specification gives them no order.

import { appliesTo, existsIn, reasonsOf, ruleOf, since, ways } from './rules.ts'
import type { Change, ObjectType, Refusal, Version } from './rules.ts'
import { any, chosen, isArchived, isGone, is, kept, leaseSecondsMax, link, links, maskOf } from './things.ts'
import { matches, notCopied, numbered, protectingMask, put, same, valueOf } from './things.ts'
import type { Attributes, Limits, Thing } from './things.ts'
import type { Answer, Asked, Given, Instance, Payload } from './words.ts'

class Refused extends Error {
  reasons: readonly string[] = []
}

/** One instance of the server: its clients share its objects. */
export class ModelServer {
  readonly #newId: () => string
  #things: Thing[] = []
  /** Of the message that is answered: seconds since 1970, and its version. */
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
    const before = option === 'Undo' && items.length > 1 ? structuredClone(this.#things) : []
    const answers: Answer[] = []
    for (const item of items) {
      const placeholder: string | undefined = this.#placeholder
      try {
        answers.push({ status: 'Success', payload: this.#do(item) })
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        this.#placeholder = placeholder
        if (option === 'Undo') {
          if (answers.length > 0) this.#things = before
          for (const done of answers.keys()) answers[done] = { status: 'OperationUndone' }
        }
        answers.push({ status: 'OperationFailed', reasons: error.reasons })
        if (option !== 'Continue') break
      }
    }
    return answers
  }

  /** For the reader of a disagreement. */
  get objects(): readonly Pick<Thing, 'id' | 'type' | 'state'>[] {
    return this.#things
  }

  #do(asked: Asked): Payload {
    const { op, type, given = [] } = asked
    if (op === 'Query') return {}
    if (op === 'Locate') return this.#locate(asked)
    if (op === 'Create' || op === 'Register')
      return { id: this.#create(type ?? 'SymmetricKey', given, op === 'Create') }
    const thing = this.#find(asked.id)
    return { id: thing.id, ...this.#about(thing, asked) }
  }

  #about(thing: Thing, asked: Asked): Payload {
    const op: string = asked.op
    const [destroyed, archived] = [isGone(thing), isArchived(thing)]
    switch (op) {
      case 'GetAttributes':
        return { attributes: this.#visible(thing, asked.keys ?? []) }
      case 'GetAttributeList':
        return { keys: Object.keys(this.#visible(thing, [])).toSorted() }
      case 'Recover':
        this.#placeholder = thing.id
        return thing.attributes.delete('ArchiveDate') ? this.#changed(thing) : {}
    }
    // Only these are there for archived objects (KMIP 1.4 §11): what a published case of Archive asks for, and Recover.
    this.#refuse({ archived })
    switch (op) {
      case 'Get':
        const [sensitive, notExtractable] = [is(thing, 'Sensitive', true), is(thing, 'Extractable', false)]
        this.#refuse({ destroyed, sensitive, notExtractable })
        put(thing, 'Fresh', false)
        return { type: thing.type }
      case 'Activate':
        // 1.4 §4.19 is about cryptographic objects, 2.1 §6.1.1 about all.
        this.#refuse({ notToActivate: thing.type === 'OpaqueObject' && !since(this.#version, '2.0') })
        return this.#step(thing, 'activate', 'wrongState', { ActivationDate: this.#now })
      case 'Revoke':
        return this.#revoke(thing, asked.code ?? '')
      case 'Destroy':
        // Secrets may be guessed by their digest, so this server keeps none of them.
        if (ways[thing.state].destroy && thing.type !== 'SymmetricKey') thing.attributes.delete('Digest')
        return this.#step(thing, 'destroy', destroyed ? 'destroyedBefore' : 'wrongState', {
          DestroyDate: this.#now,
        })
      case 'Archive':
        this.#refuse({ destroyed })
        return this.#changed(thing, { ArchiveDate: this.#now })
      case 'ObtainLease':
        this.#refuse({ destroyed })
        return { lease: any, changed: valueOf(thing, 'LastChangeDate') }
      case 'Check':
        return this.#check(thing, asked)
      case 'GetUsageAllocation':
        return this.#allocate(thing, asked.count ?? 0n)
      case 'ReKey':
        return this.#reKey(thing, asked)
      default:
        return this.#attribute(thing, asked, asked.key ?? '')
    }
  }

  // ---------------------------------------------------------------- Objects

  #create(type: ObjectType, given: readonly Given[], generated: boolean, inherited?: Attributes): string {
    const attributes: Attributes = new Map(inherited)
    for (const { key, value } of given) {
      this.#refuse({
        notOnCreation: !ruleOf(key).rights.includes('c'),
        otherTypeOnCreation: !appliesTo(key, type, this.#version),
        nameTakenOnCreation: key === 'Name' && this.#isTaken(value),
      })
      const instances = attributes.get(key) ?? []
      attributes.set(key, [...instances, { index: instances.length, value: kept(key, value) }])
    }
    const thing: Thing = { id: this.#newId(), type, state: 'PreActive', attributes }
    const [Sensitive, Extractable] = [is(thing, 'Sensitive', true), !is(thing, 'Extractable', false)]
    const always = { Sensitive, AlwaysSensitive: Sensitive, Extractable, NeverExtractable: !Extractable }
    const named = { UniqueIdentifier: thing.id, ObjectType: type, InitialDate: this.#now }
    this.#changed(thing, { ...named, ...always, ...Object.fromEntries(chosen.map((key) => [key, any])) })
    if (type === 'OpaqueObject') put(thing, 'OpaqueDataType', any)
    else if (!attributes.has('RandomNumberGenerator')) put(thing, 'RandomNumberGenerator', any)
    if (!attributes.has('Fresh')) put(thing, 'Fresh', true)
    if (generated && !attributes.has('OriginalCreationDate')) put(thing, 'OriginalCreationDate', this.#now)
    this.#things.push(thing)
    return (this.#placeholder = thing.id)
  }

  #find(id = this.#placeholder): Thing {
    const thing = this.#things.find((one) => one.id === id) ?? this.#refused('noObject')
    this.#settle(thing)
    return thing
  }

  /** Dates that were reached change the state (transitions 4 and 6). */
  #settle(thing: Thing): void {
    if (thing.state === 'PreActive' && this.#isOver(valueOf(thing, 'ActivationDate'))) thing.state = 'Active'
    if (thing.state === 'Active' && this.#isOver(valueOf(thing, 'DeactivationDate')))
      thing.state = 'Deactivated'
    put(thing, 'State', thing.state)
  }

  #isOver(date: unknown): boolean {
    return typeof date === 'bigint' && date <= this.#now
  }

  #changed(thing: Thing, values: Payload = {}): Payload {
    for (const [key, value] of Object.entries({ ...values, LastChangeDate: this.#now }))
      put(thing, key, value)
    return {}
  }

  #step(thing: Thing, change: Change, otherwise: Refusal, values: Payload): Payload {
    thing.state = ways[thing.state][change] ?? this.#refused(otherwise)
    return this.#changed(thing, values)
  }

  #revoke(thing: Thing, code: string): Payload {
    const RevocationReason = { RevocationReasonCode: code }
    if (!code.endsWith('Compromise'))
      return this.#step(thing, 'deactivate', 'notRevocable', {
        RevocationReason,
        DeactivationDate: this.#now,
      })
    const CompromiseOccurrenceDate = valueOf(thing, 'InitialDate')
    const values = { RevocationReason, CompromiseDate: this.#now, CompromiseOccurrenceDate }
    return this.#step(thing, 'compromise', 'notRevocable', values)
  }

  /** KMIP 1.4 §4.4, tables 172 and 173. */
  #reKey(thing: Thing, { offset, given = [] }: Asked): Payload {
    const old = valueOf(thing, 'ActivationDate') as bigint | undefined
    const dates = ['ProcessStartDate', 'ProtectStopDate', 'DeactivationDate'].filter((key) =>
      thing.attributes.has(key),
    )
    this.#refuse({
      destroyed: isGone(thing),
      cannotReKey: thing.type !== 'SymmetricKey' || this.#isReplaced(thing),
      offsetBesideDates: offset !== undefined && given.some(({ key }) => key.endsWith('Date')),
      offsetWithoutActivation: offset !== undefined && old === undefined && dates.length > 0,
    })
    const attributes: Attributes = new Map([...thing.attributes].filter(([key]) => !notCopied.has(key)))
    const copied = { attributes }
    if (offset !== undefined) {
      const moved = this.#now + BigInt(offset)
      for (const key of dates) put(copied, key, (valueOf(thing, key) as bigint) + moved - (old ?? 0n))
      put(copied, 'ActivationDate', moved)
    }
    put(copied, 'RotateDate', this.#now)
    put(copied, 'RotateGeneration', ((valueOf(thing, 'RotateGeneration') as number | undefined) ?? 0) + 1)
    put(copied, 'RotateLatest', true)
    const limits = valueOf(thing, 'UsageLimits')
    if (limits !== undefined) put(copied, 'UsageLimits', kept('UsageLimits', limits))
    for (const { key } of given) if (key !== 'Name') attributes.delete(key)
    const names = attributes.get('Name') ?? []
    if (names.length > 0) attributes.set('Name', numbered(names.map(({ value }) => value)))
    thing.attributes.delete('Name')
    put(thing, 'RotateLatest', false)
    const id = this.#create(thing.type, given, true, attributes)
    this.#changed(thing)
    link(thing, 'ReplacementObjectLink', id)
    link(this.#find(id), 'ReplacedObjectLink', thing.id)
    return { id }
  }

  /** "SHOULD only be performed once": this server refuses while the replacement is there. */
  #isReplaced(thing: Thing): boolean {
    const to = links(thing).find(
      ({ LinkType }) => LinkType === 'ReplacementObjectLink',
    )?.LinkedObjectIdentifier
    return this.#things.some((one) => one.id === to && !isGone(one))
  }

  #check(thing: Thing, { mask = 0, count = 0n, lease = 0 }: Asked): Payload {
    const limits = valueOf(thing, 'UsageLimits') as Limits | undefined
    const wrongMask = (mask & maskOf(thing)) !== mask
    this.#refuse({ wrongMask: wrongMask && since(this.#version, '2.1') })
    const tooMany = limits !== undefined && count > limits.UsageLimitsCount
    const tooLong = lease > leaseSecondsMax
    if (!wrongMask && !tooMany && !tooLong) return {}
    this.#placeholder = undefined
    const fails = { ...(wrongMask && { mask }), ...(tooMany && { count }), ...(tooLong && { lease }) }
    return { id: undefined, fails }
  }

  #allocate(thing: Thing, count: bigint): Payload {
    const limits = valueOf(thing, 'UsageLimits') as Limits | undefined
    const left = (limits?.UsageLimitsCount ?? 0n) - count
    this.#refuse({
      destroyed: isGone(thing),
      nothingToAllocate: !limits || (maskOf(thing) & protectingMask) === 0,
      notToProtect: thing.state !== 'Active' || this.#isOver(valueOf(thing, 'ProtectStopDate')),
      notGranted: left < 0n,
    })
    return this.#changed(thing, { UsageLimits: { ...limits, UsageLimitsCount: left } })
  }

  // ---------------------------------------------------------------- Attributes

  #visible({ type, attributes }: Thing, keys: readonly string[]): Record<string, readonly Instance[]> {
    // What one version gave an object, the others show, too; but not a State that they do not know of such objects.
    const isSeen = (key: string) =>
      existsIn(key, this.#version) && (key !== 'State' || appliesTo(key, type, this.#version))
    const shown = [...attributes].filter(([key]) => isSeen(key) && (keys.length === 0 || keys.includes(key)))
    return Object.fromEntries(shown)
  }

  #attribute(thing: Thing, { op: named, index, current, value, by }: Asked, key: string): Payload {
    const op: string = named
    const { rights } = ruleOf(key)
    const present = thing.attributes.get(key) ?? []
    const isNew = present.length === 0
    switch (op) {
      case 'DeleteAttribute':
        this.#refuse({ readOnlyToChange: !rights.includes('d'), absentToDelete: isNew })
        return this.#shown(key, this.#remove(thing, key, { index, current }))
      case 'AddAttribute':
        this.#refuse({ readOnlyToAdd: !rights.includes('a') })
        return this.#shown(key, this.#add(thing, key, value))
      case 'ModifyAttribute':
        this.#refuse({ readOnlyToChange: !rights.includes('m'), absent: isNew })
        return this.#shown(key, this.#modify(thing, key, this.#which(present, { index, current }), value))
    }
    this.#refuse({ several: present.length > 1, readOnlyToSet: !rights.includes(isNew ? 'a' : 'm') })
    const next = by === undefined ? value : this.#adjusted(key, present[0]?.value, by)
    if (present[0]) this.#modify(thing, key, present[0], next)
    else this.#add(thing, key, next)
    return {}
  }

  #add(thing: Thing, key: string, value: unknown): Instance {
    const present = thing.attributes.get(key) ?? []
    this.#refuse({
      otherType: !appliesTo(key, thing.type, this.#version),
      exists: present.length > 0 && ruleOf(key).multiple !== true,
      nameTaken: key === 'Name' && this.#isTaken(value, thing, present),
    })
    const instance = {
      index: Math.max(-1, ...present.map(({ index }) => index)) + 1,
      value: kept(key, value),
    }
    thing.attributes.set(key, [...present, instance])
    this.#changed(thing)
    return instance
  }

  #modify(thing: Thing, key: string, before: Instance, value: unknown): Instance {
    const { states } = ruleOf(key)
    const present = thing.attributes.get(key) ?? []
    const others = present.filter((one) => one !== before)
    this.#refuse({
      wrongState: states !== undefined && !states.includes(thing.state),
      fixed: this.#isFixed(key, before.value),
      nameTaken: key === 'Name' && this.#isTaken(value, thing, others),
    })
    const instance = { index: before.index, value: kept(key, value) }
    thing.attributes.set(
      key,
      present.map((one) => (one === before ? instance : one)),
    )
    if (key === 'Sensitive' && value === false) put(thing, 'AlwaysSensitive', false)
    if (key === 'Extractable' && value === true) put(thing, 'NeverExtractable', false)
    this.#changed(thing)
    return instance
  }

  /** A reference of 2.x, which has neither index nor value, means all instances. */
  #remove(thing: Thing, key: string, which: Pick<Asked, 'index' | 'current'>): Instance {
    const present = thing.attributes.get(key) ?? []
    const isAll = since(this.#version, '2.0') && which.current === undefined
    const gone = isAll ? present : [this.#which(present, which)]
    this.#refuse({ fixed: gone.some(({ value }) => this.#isFixed(key, value)) })
    const left = present.filter((one) => !gone.includes(one))
    if (left.length === 0) thing.attributes.delete(key)
    else thing.attributes.set(key, left)
    this.#changed(thing)
    return gone[0] ?? this.#refused('noInstance')
  }

  #which(present: readonly Instance[], { index, current }: Pick<Asked, 'index' | 'current'>): Instance {
    const only = present.length === 1 ? present[0] : undefined
    if (since(this.#version, '2.0')) {
      const meant = current === undefined ? only : present.find(({ value }) => same(value, current))
      return meant ?? this.#refused('noInstance')
    }
    // 1.0 §4.15: it needs the index where there are several.
    if (this.#version === '1.0' && index === undefined) return only ?? this.#refused('indexNeeded')
    return present.find((one) => one.index === (index ?? 0)) ?? this.#refused('noInstance')
  }

  #isFixed(key: string, value: unknown): boolean {
    const { fixed } = ruleOf(key)
    if (fixed === 'reached') return this.#isOver(value)
    return fixed === 'used' && (value as Limits).UsageLimitsTotal !== (value as Limits).UsageLimitsCount
  }

  #adjusted(key: string, old: unknown, by: number | 'negate'): unknown {
    const { type, value: number } = (old ?? {}) as { readonly type?: string; readonly value?: number }
    const isFlag = key === 'Sensitive' || key === 'Extractable'
    this.#refuse({
      wrongType:
        (by === 'negate') !== isFlag || (key !== 'ProtectionPeriod' && !isFlag && type !== 'Integer'),
    })
    if (by === 'negate') return old !== true
    const next = (type === 'Integer' ? (number ?? 0) : ((old as number | undefined) ?? 0)) + by
    this.#refuse({ numericRange: type !== 'Integer' && (next < 0 || next >= 2 ** 32) })
    return type === 'Integer' ? { type, value: next } : next
  }

  /** 1.x repeats the attribute in its answers. */
  #shown(key: string, { index, value }: Instance): Payload {
    return since(this.#version, '2.0') ? {} : { attribute: { key, index, value } }
  }

  /** A Name is unique among objects that are not destroyed; in 2.x, where values tell instances apart, in its own object too. */
  #isTaken(name: unknown, by?: Thing, others: readonly Instance[] = []): boolean {
    const has = (instances: readonly Instance[]) => instances.some(({ value }) => same(value, name))
    if (since(this.#version, '2.0') && has(others)) return true
    if (by && isGone(by)) return false
    return this.#things.some((one) => one !== by && !isGone(one) && has(one.attributes.get('Name') ?? []))
  }

  // ---------------------------------------------------------------- Locate (KMIP 1.4 §4.9)

  #locate({ wanted = [], storage = 1, most = Infinity, skip = 0, fresh = false }: Asked): Payload {
    const asked = Map.groupBy(wanted, ({ key }) => key)
    const found = this.#things.toReversed().filter((thing) => {
      this.#settle(thing)
      const place = isGone(thing) ? 4 : isArchived(thing) ? 2 : 1
      if ((place & storage) === 0 || (fresh && !is(thing, 'Fresh', true))) return false
      const attributes = this.#visible(thing, [])
      return [...asked].every(([key, all]) => matches(key, attributes[key] ?? [], all))
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
    const refused = new Refused()
    refused.reasons = refusals.flatMap((one) => reasonsOf(one, this.#version))
    throw refused
  }
}
