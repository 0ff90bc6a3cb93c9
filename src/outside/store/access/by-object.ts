// Values by instance and object. It is a map of maps: building and hashing a joint key for each look-up would cost more.

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

  /** Copies all values of `other`, replacing values of the same object. */
  setAll(other: ByObject<V>): void {
    for (const [instanceId, values] of other.#instances)
      for (const [uniqueIdentifier, value] of values) this.set(instanceId, uniqueIdentifier, value)
  }
}
