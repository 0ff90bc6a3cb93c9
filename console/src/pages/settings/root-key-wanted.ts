// Turns what a form says about a root key into what the API is asked.

export interface RootKeyWanted {
  readonly rootKey: string
  readonly custody: 'database' | 'keyprotect'
  readonly ibmApiKey: string
}

export const noRootKey: RootKeyWanted = { rootKey: '', custody: 'database', ibmApiKey: '' }

/** Whether it is at a service, which takes an API key and can hold keys beside it. */
export function isService(rootKey: string): boolean {
  return /^(keyprotect|hpcs):/i.test(rootKey.trim())
}

/** Where the keys are stored is always said for a service, as the API wants it, and never for a file. */
export function rootKeyBody({ rootKey, custody, ibmApiKey }: RootKeyWanted): {
  rootKey: string
  custody?: 'database' | 'keyprotect'
  ibmApiKey?: string
} {
  const uri = rootKey.trim()
  if (!isService(uri)) return { rootKey: uri }
  return { rootKey: uri, custody, ...(ibmApiKey !== '' && { ibmApiKey }) }
}
