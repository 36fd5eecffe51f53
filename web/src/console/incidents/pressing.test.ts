import { expect, test } from 'vitest'
import { isOverdue, pressing, silent, waitsForMe, type Incident, type Recipient } from './pressing'

const AT = Date.parse('2016-09-19T08:00:00+08:00')
const level = (more: Partial<Recipient> = {}) =>
  ({ state: 'waiting', is_mine: false, due_at: '2016-09-19T08:05:00+08:00', ...more }) as Recipient
const incident = (id: string, more: Partial<Incident> = {}) =>
  ({
    id,
    state: 'open',
    raised_at: '2016-09-19T07:59:00+08:00',
    due_at: '2016-09-19T08:30:00+08:00',
    recipients: [level()],
    ...more,
  }) as Incident

test('what waits for the reader comes first, then what is late, and what is in order is not pressed upon anybody', () => {
  const mine = incident('mine', { recipients: [level({ is_mine: true })] })
  const late = incident('late', { due_at: '2016-09-19T07:00:00+08:00' })
  const fine = incident('fine')
  expect(pressing([fine, late, mine], AT).map(one => one.id)).toEqual(['mine', 'late'])
})
test('a level is silent once its minutes are over, and not when it has acknowledged', () => {
  const one = incident('a', { recipients: [level(), level({ state: 'acknowledged' })] })
  expect(silent(one, AT)).toEqual([])
  expect(silent(one, AT + 5 * 60_000)).toHaveLength(1)
})
test('what is over presses nobody', () => {
  const over = incident('a', {
    state: 'concluded',
    due_at: null,
    recipients: [level({ is_mine: true, state: 'passed' })],
  })
  expect([waitsForMe(over), isOverdue(over, AT), pressing([over], AT).length]).toEqual([false, false, 0])
})
