// Values that vcsim's objects lack, put into its answers: the encryption states of hosts and of locked machines, of which an answer gets
// those that its request asks for, by their paths or by `runtime`; and the keys of first-class disks.

import { passed, isSuccess, type Methods, type PassedAnswer, type SoapCall } from './calls.ts'
import type { HostKeys } from './hosts.ts'
import { refOf, type Ref } from './soap.ts'
import { keyIdElement, type KeyId } from './vcsim-client.ts'
import { at, changed, childrenOf, element, inside, localName, textAt, typed, type Xml } from './xml.ts'

export function propertyMethods(hostKeys: HostKeys): Methods {
  const retrieve = passed(async (call: SoapCall) => {
    const answer = await call.pass()
    return isSuccess(answer) ? withStates(answer, call.request, hostKeys) : answer
  })
  return { RetrieveProperties: retrieve, RetrievePropertiesEx: retrieve }
}

/** `keys`: by the identifier of the disk. */
export function diskMethods(keys: ReadonlyMap<string, KeyId>): Methods {
  return {
    RetrieveVStorageObject: passed(async (call) => {
      const answer = await call.pass()
      const key = keys.get(textAt(call.request, 'id', 'id') ?? '')
      return isSuccess(answer) && key ? { ...answer, body: withDiskKey(answer.body, key) } : answer
    }),
  }
}

/** The key is the last field of BaseConfigInfoFileBackingInfo, before `provisioningType` of its subclass. */
function withDiskKey(body: Xml, key: KeyId): Xml {
  return inside(body, ['returnval', 'config', 'backing'], (backing) => ({
    ...backing,
    children: backing.children.flatMap((field) =>
      localName(field) === 'provisioningType' ? [keyIdElement('keyId', key), field] : [field],
    ),
  }))
}

/** The paths that a request asks for, by the type of object. */
type Paths = ReadonlyMap<string, ReadonlySet<string>>

function withStates(answer: PassedAnswer, request: Xml, hostKeys: HostKeys): PassedAnswer {
  const paths = pathsOf(request)
  if (paths.size === 0) return answer
  const object = (xml: Xml): Xml => {
    const ref = refOf(at(xml, 'obj'))
    const ownPaths = ref && paths.get(ref.type)
    return ownPaths ? withValues(xml, ownPaths, valuesOf(ref, hostKeys)) : xml
  }
  const body = changed(answer.body, (returnval) =>
    at(returnval, 'obj')
      ? object(returnval)
      : changed(returnval, (child) => (localName(child) === 'objects' ? object(child) : child)),
  )
  return { ...answer, body }
}

function pathsOf(request: Xml): Paths {
  const paths = new Map<string, Set<string>>()
  for (const spec of childrenOf(request, 'specSet'))
    for (const set of childrenOf(spec, 'propSet')) {
      const type = textAt(set, 'type') ?? ''
      if (type !== 'HostSystem' && type !== 'VirtualMachine') continue
      const ofType = paths.get(type) ?? new Set<string>()
      for (const { text } of childrenOf(set, 'pathSet')) ofType.add(text)
      if (textAt(set, 'all') === 'true') ofType.add('runtime')
      paths.set(type, ofType)
    }
  return paths
}

/** The fields of `runtime`, by name, as elements with the name `val`. */
function valuesOf(ref: Ref, hostKeys: HostKeys): ReadonlyMap<string, Xml> {
  if (ref.type === 'VirtualMachine')
    return new Map(
      hostKeys.locked.has(ref.value) ? [['cryptoState', typed('val', 'xsd:string', 'locked')]] : [],
    )
  const { state, key } = hostKeys.of(ref)
  return new Map([
    ['cryptoState', typed('val', 'xsd:string', state)],
    ...(key ? [['cryptoKeyId', keyIdElement('val', key, 'CryptoKeyId')] as const] : []),
  ])
}

function withValues(object: Xml, paths: ReadonlySet<string>, values: ReadonlyMap<string, Xml>): Xml {
  const isOwn = (set: Xml) =>
    localName(set) === 'propSet' && values.has((textAt(set, 'name') ?? '').replace(/^runtime\./, ''))
  const others = changed(object, (set) => {
    if (isOwn(set)) return undefined
    return localName(set) === 'propSet' && textAt(set, 'name') === 'runtime' ? inRuntime(set, values) : set
  })
  const added = [...values]
    .filter(([name]) => paths.has(`runtime.${name}`))
    .map(([name, value]) => element('propSet', [element('name', `runtime.${name}`), value]))
  const [missing, present] = [
    others.children.filter((child) => localName(child) === 'missingSet'),
    others.children.filter((child) => localName(child) !== 'missingSet'),
  ]
  return { ...others, children: [...present, ...added, ...missing] }
}

function inRuntime(set: Xml, values: ReadonlyMap<string, Xml>): Xml {
  const fields = [...values].map(([name, value]) => ({ ...value, name }))
  return changed(set, (value) =>
    localName(value) === 'val'
      ? {
          ...value,
          children: [...value.children.filter((field) => !values.has(localName(field))), ...fields],
        }
      : value,
  )
}
