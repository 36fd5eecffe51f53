import { expect, test } from 'vitest'
import { carriedOn, heardAt, NOTHING_HEARD } from './clock'

test('as long as nothing was heard the phone goes by its own clock', () => {
  expect(carriedOn(NOTHING_HEARD, 1_000)).toBe(1_000)
})

test('a phone that is an hour behind tells the office’s time', () => {
  const heard = heardAt(NOTHING_HEARD, 7_200_000, 3_600_000)
  expect(carriedOn(heard, 3_660_000)).toBe(7_260_000)
})

test('a demonstration’s time goes on ten times as fast, without a network too', () => {
  const heard = heardAt(heardAt(NOTHING_HEARD, 1_000_000, 100_000), 1_050_000, 105_000)
  expect(heard.rate).toBe(10)
  expect(carriedOn(heard, 165_000)).toBe(1_650_000)
})

test('a pause of hours says nothing of the rate', () => {
  const heard = heardAt(heardAt(NOTHING_HEARD, 0, 1), 36_000_000, 7_200_001)
  expect(heard.rate).toBe(1)
})
