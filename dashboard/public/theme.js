// Sets the theme before the first paint. `src/ui/theme.ts` owns the setting afterwards and uses the same key and attribute.
;(() => {
  let chosen = null
  try {
    chosen = localStorage.getItem('peal.theme')
  } catch {
    // Storage may be forbidden; the system's preference decides.
  }
  const dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
})()
