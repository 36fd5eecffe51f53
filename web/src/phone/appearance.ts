/** Dark or light: as the phone says until somebody chooses. */
export type Appearance = 'dark' | 'light' | 'as_device'
const KEY = 'rescue.phone.appearance'
const dark = window.matchMedia('(prefers-color-scheme: dark)')

export const appearance = (): Appearance => (localStorage.getItem(KEY) as Appearance | null) ?? 'as_device'

export function applyAppearance(chosen?: Appearance): void {
  if (chosen) localStorage.setItem(KEY, chosen)
  const now = appearance()
  document.documentElement.classList.toggle('dark', now === 'dark' || (now === 'as_device' && dark.matches))
}
dark.addEventListener('change', () => applyAppearance())
