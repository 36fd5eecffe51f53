/** Two languages, Chinese first; the choice is kept on this browser. */
import { createI18n } from 'vue-i18n'
import { field } from './field'

export type Words = { zh: Record<string, unknown>; en: Record<string, unknown> }
export type Language = 'zh' | 'en'
const KEY = 'rescue.language'

export function makeWords(parts: Record<string, Words>) {
  const of = (language: Language) => ({
    ...field[language],
    ...Object.fromEntries(Object.entries(parts).map(([name, words]) => [name, words[language]])),
  })
  const locale: Language = localStorage.getItem(KEY) === 'en' ? 'en' : 'zh'
  document.documentElement.lang = locale === 'zh' ? 'zh-CN' : 'en'
  return createI18n({
    legacy: false,
    locale,
    fallbackLocale: 'zh',
    messages: { zh: of('zh'), en: of('en') } as unknown as Record<string, Record<string, never>>,
    missingWarn: import.meta.env.DEV,
    fallbackWarn: false,
  })
}

export function keepLanguage(language: Language): void {
  localStorage.setItem(KEY, language)
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
}
