// Servers that are broken on purpose: changes to answers, for openAlteringProxy.

import {
  all,
  find,
  inside,
  mapLeaves,
  numberOf,
  read,
  tags,
  types,
  write,
  type Item,
} from '../support/clients/wire.ts'

/** Changes each answer to one operation. */
export function alter(operation: number, change: (message: Item) => Item) {
  return (answer: Buffer): Buffer => {
    const message = read(answer)
    const asked = all(message, 'BatchItem').some((item) => numberOf(find(item, 'Operation')) === operation)
    return asked ? write(change(message)) : answer
  }
}

export function leaves(tag: keyof typeof tags, change: (leaf: Item) => Item) {
  return (message: Item): Item => mapLeaves(message, (leaf) => (leaf.tag === tags[tag] ? change(leaf) : leaf))
}

/** Without the items of this tag, wherever they are. */
export function withoutTag(tag: number) {
  const strip = (item: Item): Item =>
    item.type === types.Structure
      ? {
          ...item,
          value: inside(item)
            .filter((inner) => inner.tag !== tag)
            .map(strip),
        }
      : item
  return strip
}

/** With one more item in each structure of this tag. */
export function withMore(parent: keyof typeof tags, more: Item) {
  const add = (item: Item): Item => {
    if (item.type !== types.Structure) return item
    const value = inside(item).map(add)
    return { ...item, value: item.tag === tags[parent] ? [...value, more] : value }
  }
  return add
}
