import { describe, expect, it } from 'vitest'
import type { Shapes } from '@/shared/api/client'
import { ratesOf, shown, tip } from './trend'

const said = { due: 'due', done: 'done', rate: 'rate', count: 'count', none: '—' }
const figure = (changes: Partial<Shapes['Figure']>): Shapes['Figure'] => ({
  code: 'x', zh: '', en: '', means_zh: '', means_en: '', unit: 'share', better: 'more', value: 0.5, numerator: 1,
  denominator: 2, why_none: null, numerators: [1, 0, 0], denominators: [1, 1, 0], ...changes,
}) // prettier-ignore

describe('a figure', () => {
  it('with nothing due is a dash, neither 0 nor 100 %', () => {
    expect(shown(figure({ value: null }))).toBe('—')
    expect(ratesOf(figure({}))).toEqual([100, 0, null])
    expect(tip(figure({}), ['a', 'b', 'c'], 2, said)).toContain('rate —')
  })
  it('is a share in per cent or a count', () => {
    expect(shown(figure({ value: 0.9234 }))).toBe('92.3%')
    expect(shown(figure({ value: 12, unit: 'count' }))).toBe('12')
    expect(tip(figure({}), ['a', 'b', 'c'], 1, said)).toContain('done 0 / due 1')
  })
})
