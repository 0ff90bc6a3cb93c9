// The sequences that the model and Mortise are compared by, as fast-check makes and shrinks them: who asks what, in which
// version, after how much time. Values are few, so that names collide, objects are met again and limits are reached.

import * as fc from 'fast-check'
import { versions, type ObjectType, type Version } from './rules.ts'
import type { Asked, Op } from './words.ts'

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
  ActivationDate: date,
  ProcessStartDate: date,
  ProtectStopDate: date,
  DeactivationDate: date,
  OriginalCreationDate: date,
  UsageLimits: fc
    .constantFrom(5n, 10n)
    .map((UsageLimitsTotal) => ({ UsageLimitsTotal, UsageLimitsUnit: 'Object' })),
  Fresh: fc.boolean(),
  Sensitive: fc.boolean(),
  Extractable: fc.boolean(),
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
const given = fc.constantFrom(...keys).chain(givenOf)

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
function creation(op: 'Create' | 'Register', of: ObjectType): fc.Arbitrary<Asked> {
  const own = bases[of].map(({ key }) => key)
  const mask = fc.constantFrom(0, 4, 12)
  const more = fc.uniqueArray(given, {
    maxLength: 3,
    selector: ({ key, value }) => [key, repeats(key) && value].join(),
  })
  return fc.tuple(mask, more).map(([bits, others]) => {
    const masked = of === 'OpaqueObject' ? [] : [{ key: 'CryptographicUsageMask', value: bits }]
    const free = others.filter(({ key }) => !own.includes(key) && key !== 'CryptographicUsageMask')
    return { op, type: of, given: [...bases[of], ...masked, ...free] }
  })
}

const repeats = (key: string) => key.includes('Name') || key === 'ObjectGroup' || key === 'x-Tag'

const which = fc.constantFrom(...keys).chain((key) =>
  fc.record({
    key: fc.constant(key),
    index: fc.option(fc.nat(2), { nil: undefined }),
    current: fc.option(values[key] ?? fc.constant(''), { nil: undefined }),
  }),
)

const simple = (weight: number, op: Op) => ({ weight, arbitrary: fc.constant<Asked>({ op }) })

const asked: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 5, arbitrary: fc.oneof(creation('Create', 'SymmetricKey'), creation('Create', 'SecretData')) },
  { weight: 3, arbitrary: type.chain((of) => creation('Register', of)) },
  // What changes the state comes often, so that all states are met in every operation.
  simple(9, 'Activate'),
  simple(9, 'Destroy'),
  simple(4, 'Get'),
  simple(3, 'GetAttributeList'),
  simple(2, 'Archive'),
  simple(5, 'Recover'),
  simple(2, 'ObtainLease'),
  simple(1, 'Query'),
  {
    weight: 5,
    arbitrary: fc
      .oneof(
        fc.constant<string[]>([]),
        fc.uniqueArray(fc.constantFrom(...keys, ...always), { minLength: 1, maxLength: 4 }),
      )
      .map((named) => ({ op: 'GetAttributes' as const, keys: named })),
  },
  { weight: 5, arbitrary: given.map((one) => ({ op: 'AddAttribute' as const, ...one })) },
  { weight: 3, arbitrary: given.map((one) => ({ op: 'SetAttribute' as const, ...one })) },
  {
    weight: 5,
    arbitrary: which.chain((one) =>
      (values[one.key] ?? fc.constant('')).map((value) => ({
        op: 'ModifyAttribute' as const,
        ...one,
        value,
      })),
    ),
  },
  { weight: 3, arbitrary: which.map((one) => ({ op: 'DeleteAttribute' as const, ...one })) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('AdjustAttribute' as const),
      key: fc.constantFrom('ProtectionPeriod', 'Sensitive', 'Extractable', 'x-Tag', 'ContactInformation'),
      by: fc.constantFrom(1, -1, 60, 'negate' as const),
    }),
  },
  {
    weight: 12,
    arbitrary: fc
      .constantFrom('Unspecified', 'KeyCompromise', 'CessationOfOperation', 'CACompromise')
      .map((code) => ({ op: 'Revoke' as const, code })),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        op: fc.constant('Check' as const),
        mask: fc.constantFrom(0, 4, 16),
        count: fc.constantFrom(1n, 7n, 20n),
        lease: fc.constantFrom(60, 100_000),
      },
      { requiredKeys: ['op'] },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(1n, 4n, 11n).map((count) => ({ op: 'GetUsageAllocation' as const, count })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('ReKey' as const),
      offset: fc.option(fc.constantFrom(0, 10, 1_000), { nil: undefined }),
      given: fc.uniqueArray(
        fc.constantFrom('Name', 'ActivationDate', 'ContactInformation', 'Sensitive').chain(givenOf),
        {
          maxLength: 1,
          selector: ({ key }) => key,
        },
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('Locate' as const),
      wanted: fc.array(fc.constantFrom(...keys.filter((key) => key !== 'Sensitive')).chain(givenOf), {
        maxLength: 2,
      }),
      storage: fc.option(fc.nat(7), { nil: undefined }),
      most: fc.option(fc.nat(3), { nil: undefined }),
      skip: fc.option(fc.nat(2), { nil: undefined }),
      fresh: fc.option(fc.constant(true), { nil: undefined }),
    }),
  },
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
    .record({
      step,
      made: fc.oneof(
        creation('Create', 'SymmetricKey'),
        type.chain((of) => creation('Register', of)),
      ),
    })
    .map(({ step: own, made }) => ({ ...own, client, items: [{ target: 'placeholder', asked: made }] }))

export const sequence: fc.Arbitrary<readonly Step[]> = fc
  .tuple(fc.tuple(first(0), first(2)), fc.array(step, { maxLength: 30, size: 'max' }))
  .map(([begin, more]) => [...begin, ...more])
