// The roles of a person or a token in words.

interface Grant {
  readonly role: string
  readonly instance: { readonly name: string } | null
}

/** Writes grants as `operator, manager of red`. */
export function grantsText(grants: readonly Grant[]): string {
  return grants
    .map(({ role, instance }) => (instance === null ? role : `${role} of ${instance.name}`))
    .join(', ')
}
