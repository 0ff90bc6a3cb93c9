// Values by instance and object. One name made of both would be put together and hashed anew for each look.

export class ByObject<V> {
  readonly #instances = new Map<string, Map<string, V>>()

  get(instanceId: string, uniqueIdentifier: string): V | undefined {
    return this.#instances.get(instanceId)?.get(uniqueIdentifier)
  }

  set(instanceId: string, uniqueIdentifier: string, value: V): void {
    let values = this.#instances.get(instanceId)
    if (!values) this.#instances.set(instanceId, (values = new Map()))
    values.set(uniqueIdentifier, value)
  }

  /** Those of `other` take the place of its own. */
  setAll(other: ByObject<V>): void {
    for (const [instanceId, values] of other.#instances)
      for (const [uniqueIdentifier, value] of values) this.set(instanceId, uniqueIdentifier, value)
  }
}
