// Saves what the page has as a file of the reader.

export function saveText(name: string, text: string, type: string): void {
  saveFile(name, new Blob([text], { type }))
}

export function savePem(name: string, text: string): void {
  saveText(name, text, 'application/x-pem-file')
}

export function saveFile(name: string, bytes: Blob): void {
  const url = URL.createObjectURL(bytes)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
