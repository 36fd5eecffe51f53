import { expect, test } from 'vitest'
import { ALL_SIGNS, codesOf, ringFirst, signsOf } from './signs'

test('every sign is found again in the report that was made of it', () => {
  for (const sign of ALL_SIGNS) expect(signsOf(codesOf([sign]))).toEqual([sign])
})

test('signs together say all dangers, and of ages the gravest', () => {
  expect(codesOf(['old', 'lying', 'infant', 'injured', 'bedding'])).toEqual({
    looks: { posture: 'lying', age_band: 'infant', belongings: ['bedding'] },
    dangers: ['injury', 'infant'],
  })
})

test('who is rung first comes from the list of the city, each number once', () => {
  const known = [
    { code: 'injury', zh: '受伤', en: 'injury', priority: 'critical', call_first: ['120'] },
    { code: 'infant', zh: '婴幼儿', en: 'an infant', priority: 'critical', call_first: ['120', '110'] },
  ] as const
  expect(ringFirst(['injured', 'infant'], known as never)).toEqual(['120', '110'])
  expect(ringFirst(['lying'], known as never)).toEqual([])
})
