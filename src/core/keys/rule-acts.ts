// The acts on the rules for future objects, within one transaction. The rules stand in the instance's trusted row, so an edit of
// the database cannot loosen them.

import type { AuditAction } from '../ports/audit-actions.ts'
import { readRules, storedRules, type ObjectRule } from './object/object-rules.ts'
import type { TransactionObjects } from './transaction/transaction-objects.ts'

type Kind = 'objectDefaults' | 'objectConstraints'

export class RuleActs {
  readonly #objects: TransactionObjects

  constructor(objects: TransactionObjects) {
    this.#objects = objects
  }

  /** Returns the former rules. Throws ServerLimitExceeded. */
  setDefaults(rules: readonly ObjectRule[]): Promise<readonly ObjectRule[]> {
    return this.#set('instance.set-defaults', 'objectDefaults', rules)
  }

  /** Returns the former rules. Throws ServerLimitExceeded. */
  setConstraints(rules: readonly ObjectRule[]): Promise<readonly ObjectRule[]> {
    return this.#set('instance.set-constraints', 'objectConstraints', rules)
  }

  async defaults(): Promise<readonly ObjectRule[]> {
    return readRules((await this.#objects.instance()).objectDefaults)
  }

  /** The constraints, for a requesting client. The audit gets an entry. */
  async constraints(): Promise<readonly ObjectRule[]> {
    this.#objects.staged.begin('instance.constraints', null)
    const rules = readRules((await this.#objects.instance()).objectConstraints)
    this.#objects.staged.done()
    return rules
  }

  async #set(action: AuditAction, kind: Kind, rules: readonly ObjectRule[]): Promise<readonly ObjectRule[]> {
    const { staged } = this.#objects
    staged.begin(action, null)
    const before = await this.#objects.instance()
    const value = { ...before, [kind]: storedRules(rules) }
    if (JSON.stringify(value[kind]) !== JSON.stringify(before[kind] ?? []))
      await this.#objects.changeTrust(() => ({ put: [{ kind: 'instance', value }] }))
    staged.done({ detail: { rules: rules.length } })
    return readRules(before[kind])
  }
}
