// vCenter's inventory as it is now: all objects of a type, with some of their properties, read page by page and handed over one by one.
// It keeps nothing, and follows no changes (changes.ts).

import { VsphereError } from './errors.ts'
import type { VsphereSession } from './session.ts'
import { elementAt, elementsOf, ref, requiredRef, requiredText, textAt, typed, type Ref } from './values.ts'
import { xml, type XmlElement, type XmlNode } from './xml.ts'

/** Objects that vCenter sends in one answer. */
const pageObjectsMax = 500
/** Objects of one type in one vCenter. A vCenter has some ten thousand at most. */
export const objectsMax = 200_000
/** The time for one page. Devices of 500 machines are some megabytes. */
const pageMs = 120_000
const destroyMs = 10_000
/** Objects that one request names. */
const namedObjectsMax = 50

export interface InventoryObject {
  readonly ref: Ref
  /** By path, `config.keyId`. A property that has no value is not there. */
  readonly values: ReadonlyMap<string, XmlElement>
  /** The paths that vCenter does not let the user read, so that nothing is known about them. */
  readonly unreadable: readonly string[]
}

export interface InventoryQuery {
  /** `VirtualMachine` */
  readonly type: string
  /** `config.keyId`, `runtime.cryptoState` */
  readonly paths: readonly string[]
  readonly signal?: AbortSignal | undefined
}

/**
 * The objects of a type below the root folder that the user may see, in vCenter's order. One page is read at a time, and nothing while the
 * caller works on an object; until the caller reads on or returns early, one of four connections is in use. Objects that come or go
 * meanwhile may be among them or not. Rejects with VsphereError, also if the session ends meanwhile: the caller then begins again.
 */
export async function* inventoryObjects(
  session: VsphereSession,
  query: InventoryQuery,
): AsyncGenerator<InventoryObject, void, undefined> {
  const { viewManager, rootFolder, propertyCollector } = session.content
  const { type, signal } = query
  // A collector of its own takes pages that were not read with it when it ends.
  const [own] = await session.call(propertyCollector, 'CreatePropertyCollector', [], { signal })
  const collector = requiredRef(own, 'the property collector')
  let view: Ref | undefined
  try {
    const limits = { answerMs: pageMs, signal, isBound: true }
    const inRoot = [ref('container', rootFolder), xml('type', type), xml('recursive', true)]
    const [made] = await session.call(viewManager, 'CreateContainerView', inRoot, limits)
    view = requiredRef(made, 'the view')
    let count = 0
    const onObject = () => {
      if (++count > objectsMax)
        throw new VsphereError('answer', `vCenter answers more than ${objectsMax} objects of ${type}`)
    }
    let token: string | undefined
    do {
      const method = token === undefined ? 'RetrievePropertiesEx' : 'ContinueRetrievePropertiesEx'
      const args = token === undefined ? firstPage(view, query) : [xml('token', token)]
      const before = count
      const page = session.stream(collector, method, args, ['returnval', 'objects'], limits)
      const rest = yield* handOver(page, onObject)
      token = textAt(rest, 'returnval', 'token')
      if (token !== undefined && count === before)
        throw new VsphereError('answer', 'vCenter answers a page without objects, and more pages')
    } while (token !== undefined)
  } finally {
    await destroy(session, collector, 'DestroyPropertyCollector')
    if (view) await destroy(session, view, 'DestroyView')
  }
}

/** These objects, in vCenter's order. Rejects with VsphereError, also if one of them is gone. */
export async function objectsNamed(
  session: VsphereSession,
  refs: readonly Ref[],
  { type, paths, signal }: InventoryQuery,
): Promise<readonly InventoryObject[]> {
  const objects: InventoryObject[] = []
  for (let from = 0; from < refs.length; from += namedObjectsMax) {
    const sets = refs.slice(from, from + namedObjectsMax).map((one) => xml('objectSet', [ref('obj', one)]))
    const args = [xml('specSet', [propertiesOf(type, paths), ...sets]), xml('options', [])]
    const limits = { answerMs: pageMs, signal }
    const [answer] = await session.call(
      session.content.propertyCollector,
      'RetrievePropertiesEx',
      args,
      limits,
    )
    objects.push(...elementsOf(answer, 'objects').map(readObject))
  }
  return objects
}

/** Does not reject: the session may have ended, and its objects with it. */
async function destroy(session: VsphereSession, object: Ref, method: string): Promise<void> {
  await session.call(object, method, [], { answerMs: destroyMs, isBound: true }).catch(() => undefined)
}

/** Objects as they come; returns the rest of the page. */
async function* handOver(
  page: AsyncGenerator<XmlElement, XmlElement, undefined>,
  onObject: () => void,
): AsyncGenerator<InventoryObject, XmlElement, undefined> {
  try {
    for (;;) {
      const step = await page.next()
      if (step.done) return step.value
      onObject()
      yield readObject(step.value)
    }
  } finally {
    await page.return(undefined as never)
  }
}

function firstPage(view: Ref, { type, paths }: InventoryQuery): readonly XmlNode[] {
  const specSet = xml('specSet', [propertiesOf(type, paths), throughView(view)])
  return [specSet, xml('options', [xml('maxObjects', pageObjectsMax)])]
}

/** An ObjectSpec: the objects in a view. */
export function throughView(view: Ref): XmlNode {
  const traversal = typed('selectSet', 'TraversalSpec', [
    xml('type', view.type),
    xml('path', 'view'),
    xml('skip', false),
  ])
  return xml('objectSet', [ref('obj', view), xml('skip', true), traversal])
}

/** A PropertySpec. */
export function propertiesOf(type: string, paths: readonly string[]): XmlNode {
  return xml('propSet', [xml('type', type), ...paths.map((path) => xml('pathSet', path))])
}

/** Reads an ObjectContent. */
function readObject(object: XmlElement): InventoryObject {
  // vcsim names a property that has no value.
  const values = elementsOf(object, 'propSet').flatMap((one) => {
    const value = elementAt(one, 'val')
    return value ? [[requiredText(one, 'name'), value] as const] : []
  })
  return {
    ref: requiredRef(elementAt(object, 'obj'), 'the object'),
    values: new Map(values),
    unreadable: elementsOf(object, 'missingSet').map((one) => requiredText(one, 'path')),
  }
}
