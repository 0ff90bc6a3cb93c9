// The sequences that the model and Mortise are compared by, as fast-check makes and shrinks them: who asks what, in which
// version, after how much time. Values are few, so that names collide, objects are met again and limits are reached.

import * as fc from 'fast-check'
import { versions, type ObjectType, type Version } from '../../model/rules.ts'
import type { Asked, Op } from '../../model/words.ts'

/** The object that an item is about: the n-th that was made, in the client's own instance or in the other; or the ID Placeholder. */
export type Target = { readonly n: number; readonly own: boolean } | 'placeholder'

/** `target` stands in the place of the identifier, and dates are offsets from the sequence's beginning: `{ at }`. */
export type Item = { readonly target: Target; readonly asked: Asked }

export interface Step {
  readonly passMs: number
  readonly client: number
  readonly version: Version
  readonly option: 'Stop' | 'Continue' | 'Undo'
  readonly items: readonly Item[]
}

const text = (value: string) => ({ type: 'TextString', value })
const date = fc.constantFrom(-1_000, -10, -1, 0, 1, 10, 1_000).map((at) => ({ at }))

const dates = { ActivationDate: date, ProcessStartDate: date, ProtectStopDate: date, DeactivationDate: date }
const flags = { Sensitive: fc.boolean(), Extractable: fc.boolean() }

/** By attribute. What clients may not give is here too. */
const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  Name: fc.nat(3).map((n) => ({ NameValue: `name ${n}`, NameType: 'UninterpretedTextString' })),
  ObjectGroup: fc.constantFrom('group a', 'group b'),
  'x-Tag': fc.constantFrom(text('a'), text('b'), { type: 'Integer', value: 7 }),
  'v:Acme:Tag': fc.constantFrom(text('a'), text('b')),
  ContactInformation: fc.constantFrom('somebody', 'somebody else'),
  ApplicationSpecificInformation: fc
    .nat(1)
    .map((n) => ({ ApplicationNamespace: 'ours', ApplicationData: `data ${n}` })),
  AlternativeName: fc
    .nat(1)
    .map((n) => ({ AlternativeNameValue: `other ${n}`, AlternativeNameType: 'UninterpretedTextString' })),
  CryptographicParameters: fc.constantFrom({ BlockCipherMode: 'CBC' }, { BlockCipherMode: 'ECB' }),
  ...dates,
  OriginalCreationDate: date,
  UsageLimits: fc
    .constantFrom(5n, 10n)
    .map((UsageLimitsTotal) => ({ UsageLimitsTotal, UsageLimitsUnit: 'Object' })),
  Fresh: fc.boolean(),
  ...flags,
  Description: fc.constantFrom('one', 'other'),
  Comment: fc.constantFrom('one', 'other'),
  ProtectionLevel: fc.constantFrom('High', 'Low'),
  ProtectionPeriod: fc.constantFrom(0, 60, 2 ** 32 - 1),
  RotateInterval: fc.constantFrom(60, 3_600),
  CryptographicUsageMask: fc.constantFrom(0, 4, 12),
  CryptographicLength: fc.constant(128),
  State: fc.constant('Active'),
  InitialDate: date,
  LastChangeDate: date,
  CompromiseDate: date,
  LeaseTime: fc.constant(60),
}
const keys = Object.keys(values)
const always = ['UniqueIdentifier', 'ObjectType', 'Digest', 'Link', 'AlwaysSensitive', 'NeverExtractable']

const givenOf = (key: string) => (values[key] ?? fc.constant('')).map((value) => ({ key, value }))
/** Those whose changes have rules of their own come more often. */
const ruled = [...Object.keys({ ...dates, ...flags }), 'Name', 'UsageLimits']
const given = fc.constantFrom(...keys, ...ruled, ...ruled).chain(givenOf)

const bases: Readonly<Record<ObjectType, readonly { readonly key: string; readonly value: unknown }[]>> = {
  SymmetricKey: [
    { key: 'CryptographicAlgorithm', value: 'AES' },
    { key: 'CryptographicLength', value: 128 },
  ],
  SecretData: [{ key: 'CryptographicLength', value: 128 }],
  OpaqueObject: [],
}

const type: fc.Arbitrary<ObjectType> = fc.oneof(
  { weight: 4, arbitrary: fc.constant('SymmetricKey' as const) },
  fc.constant('SecretData' as const),
  fc.constant('OpaqueObject' as const),
)

/** What the object needs, and attributes of which each single-valued one stands there once. */
function creation(of: ObjectType): fc.Arbitrary<Pick<Asked, 'type' | 'given'>> {
  const own = bases[of].map(({ key }) => key)
  const more = fc.uniqueArray(given, {
    maxLength: 3,
    selector: ({ key, value }) => [key, repeats(key) && value].join(),
  })
  return fc.tuple(fc.constantFrom(0, 4, 12), more).map(([mask, others]) => {
    const masked = of === 'OpaqueObject' ? [] : [{ key: 'CryptographicUsageMask', value: mask }]
    const free = others.filter(({ key }) => !own.includes(key) && key !== 'CryptographicUsageMask')
    return { type: of, given: [...bases[of], ...masked, ...free] }
  })
}

const repeats = (key: string) => key.includes('Name') || key === 'ObjectGroup' || key === 'x-Tag'

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const which = given.chain(({ key, value }) =>
  fc.record({ key: fc.constant(key), index: maybe(fc.nat(2)), current: maybe(fc.constant(value)) }),
)

const none = fc.constant({})
const named = fc.uniqueArray(fc.constantFrom(...keys, ...always), { minLength: 1, maxLength: 4 })
const reKeyed = fc.constantFrom('Name', 'ActivationDate', 'ContactInformation', 'Sensitive').chain(givenOf)
const searched = fc.constantFrom(...keys.filter((key) => key !== 'Sensitive')).chain(givenOf)

/** How often each operation comes, and its fields. What changes the state comes often, so that all states meet all operations. */
const operations: readonly (readonly [weight: number, Op, fields: fc.Arbitrary<Omit<Asked, 'op'>>])[] = [
  [3, 'Create', creation('SymmetricKey')],
  [2, 'Create', creation('SecretData')],
  [3, 'Register', type.chain(creation)],
  [9, 'Activate', none],
  [
    12,
    'Revoke',
    fc.record({
      code: fc.constantFrom('Unspecified', 'KeyCompromise', 'CessationOfOperation', 'CACompromise'),
    }),
  ],
  [9, 'Destroy', none],
  [4, 'Get', none],
  [3, 'GetAttributeList', none],
  [5, 'GetAttributes', fc.record({ keys: fc.oneof(fc.constant([]), named) })],
  [2, 'Archive', none],
  [5, 'Recover', none],
  [2, 'ObtainLease', none],
  [1, 'Query', none],
  [5, 'AddAttribute', given],
  [3, 'SetAttribute', given],
  [5, 'ModifyAttribute', which.chain((one) => givenOf(one.key).map(({ value }) => ({ ...one, value })))],
  [3, 'DeleteAttribute', which],
  [
    2,
    'AdjustAttribute',
    fc.record({
      key: fc.constantFrom('ProtectionPeriod', 'Sensitive', 'Extractable', 'x-Tag', 'ContactInformation'),
      by: fc.constantFrom(1, -1, 60, 'negate' as const),
    }),
  ],
  [
    2,
    'Check',
    fc.record(
      {
        mask: fc.constantFrom(0, 4, 16),
        count: fc.constantFrom(1n, 7n, 20n),
        lease: fc.constantFrom(60, 100_000),
      },
      { requiredKeys: [] },
    ),
  ],
  [2, 'GetUsageAllocation', fc.record({ count: fc.constantFrom(1n, 4n, 11n) })],
  [
    3,
    'ReKey',
    fc.record({
      offset: maybe(fc.constantFrom(0, 10, 1_000)),
      given: fc.array(reKeyed, { maxLength: 1 }),
    }),
  ],
  [
    6,
    'Locate',
    fc.record({
      wanted: fc.array(searched, { maxLength: 2 }),
      storage: maybe(fc.nat(7)),
      most: maybe(fc.nat(3)),
      skip: maybe(fc.nat(2)),
      fresh: maybe(fc.constant(true)),
    }),
  ],
]

const asked: fc.Arbitrary<Asked> = fc.oneof(
  ...operations.map(([weight, op, fields]) => ({ weight, arbitrary: fields.map((own) => ({ op, ...own })) })),
)

const target: fc.Arbitrary<Target> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ n: fc.nat(2), own: fc.constant(true) }) },
  { weight: 1, arbitrary: fc.record({ n: fc.nat(2), own: fc.constant(false) }) },
  { weight: 2, arbitrary: fc.constant('placeholder' as const) },
)

const step: fc.Arbitrary<Step> = fc.record({
  passMs: fc.constantFrom(0, 0, 0, 500, 1_000, 10_000, 1_000_000),
  client: fc.constantFrom(0, 0, 1, 1, 2, 3),
  version: fc.constantFrom(...versions),
  option: fc.constantFrom('Stop', 'Continue', 'Undo'),
  items: fc.oneof(
    { weight: 3, arbitrary: fc.array(fc.record({ target, asked }), { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(fc.record({ target, asked }), { minLength: 2, maxLength: 4 }) },
  ),
})

/** In each instance an object to begin with, so that there is something to ask about. */
const first = (client: number): fc.Arbitrary<Step> =>
  fc
    .tuple(step, creation('SymmetricKey'), type.chain(creation), fc.boolean())
    .map(([own, created, brought, isCreated]) => {
      const made = isCreated ? { op: 'Create' as const, ...created } : { op: 'Register' as const, ...brought }
      return { ...own, client, items: [{ target: 'placeholder', asked: made }] }
    })

/** At the end, some objects of each instance with all that they have: what a request changed wrongly shows there. */
const last = [0, 2].map((client): Step => {
  const all: Asked = { op: 'GetAttributes', keys: [] }
  const items = [0, 1, 2].map((n) => ({ target: { n, own: true }, asked: all }))
  return { passMs: 0, client, version: '2.1', option: 'Continue', items }
})

export const sequence: fc.Arbitrary<readonly Step[]> = fc
  .tuple(fc.tuple(first(0), first(2)), fc.array(step, { maxLength: 30, size: 'max' }))
  .map(([begin, more]) => [...begin, ...more, ...last])
