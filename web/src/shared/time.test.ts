import { expect, test } from 'vitest'
import { clock, fromLocalInput, localInput, span } from './time'

test('times are said in the office’s zone, whatever the machine’s is', () => {
  expect(clock('2016-09-18T23:30:00Z')).toBe('07:30')
})
test('what a date field says comes back as the same instant', () => {
  expect(localInput('2016-09-18T23:30:00Z')).toBe('2016-09-19T07:30')
  expect(Date.parse(fromLocalInput('2016-09-19T07:30'))).toBe(Date.parse('2016-09-18T23:30:00Z'))
})
test('spans count minutes and hours, and say when something is over', () => {
  expect([span(5), span(245), span(3723), span(-30)]).toEqual(['0:05', '4:05', '1:02:03', '−0:30'])
})
