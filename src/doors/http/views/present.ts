// A body may hold optional fields as undefined, which a change of settings must not see.

export type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

/** Returns the fields that are not undefined. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
}
