import { describe, expect, it } from 'vitest'
import { daysLeft, fits, lamp, type Returnee } from './rows'

const NOW = Date.parse('2016-09-19T06:00:00+08:00')
const one = (due: string | null, more: Partial<Returnee> = {}) =>
  ({ due_at: due, street: '西岗区 日新街道', state: 'followed', ...more }) as Returnee

describe('the list of those who went home', () => {
  it('says how many whole days are left, and since when a visit is late', () => {
    expect(daysLeft(one('2016-09-21T06:00:00+08:00'), NOW)).toBe(2)
    expect(daysLeft(one('2016-09-19T05:00:00+08:00'), NOW)).toBe(-1)
    expect(daysLeft(one(null), NOW)).toBe(null)
    expect(lamp(one('2016-09-19T05:00:00+08:00'), NOW)).toBe('red')
    expect(lamp(one('2016-09-30T05:00:00+08:00'), NOW)).toBe('yellow')
    expect(lamp(one('2016-11-30T05:00:00+08:00'), NOW)).toBe('green')
  })
  it('is filtered by what is due and by street', () => {
    const late = one('2016-09-10T06:00:00+08:00')
    expect(fits(late, 'late', '', NOW)).toBe(true)
    expect(fits(late, 'soon', '', NOW)).toBe(false)
    expect(fits(late, 'all', '中山区', NOW)).toBe(false)
    expect(fits(one(null, { state: 'elsewhere' }), 'elsewhere', '', NOW)).toBe(true)
    expect(fits(late, 'elsewhere', '', NOW)).toBe(false)
  })
})
