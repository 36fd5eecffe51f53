/** A distance in words. */
import { i18n } from '../words'

export function far(metres: number): string {
  const { t } = i18n.global
  return metres < 1_000
    ? t('officer.hand.metres', { n: Math.max(10, Math.round(metres / 10) * 10) })
    : t('officer.hand.km', { n: (metres / 1_000).toFixed(1) })
}
