/** Copying that also works on plain-http hosts, where browsers offer no clipboard API. */

export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text)
      return
    } catch {
      // Permission refused: the older way may still work.
    }
  }
  copyBySelection(text)
}

/** @throws Error when the browser refuses this way too. */
function copyBySelection(text: string): void {
  const area = document.createElement('textarea')
  area.value = text
  area.setAttribute('readonly', '')
  area.style.position = 'fixed'
  area.style.opacity = '0'
  const focused = document.activeElement
  document.body.append(area)
  try {
    area.select()
    if (!document.execCommand('copy')) throw new Error('the browser refused to copy')
  } finally {
    area.remove()
    if (focused instanceof HTMLElement) focused.focus()
  }
}
