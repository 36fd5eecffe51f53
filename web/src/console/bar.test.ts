import { expect, test } from 'vitest'
import { barOf } from './bar'

const desks = ['a', 'b', 'c', 'd'].map(name => ({ name }))
const widths = new Map(desks.map(({ name }) => [name, 50]))
const names = (room: number, here: string) => barOf(desks, widths, room, here, 40).map(one => one.name)

test('all of them stand in the bar when there is room', () => {
  expect(names(200, 'a')).toEqual(['a', 'b', 'c', 'd'])
})

test('what does not fit goes behind the button, which needs room itself', () => {
  expect(names(199, 'a')).toEqual(['a', 'b', 'c'])
  expect(names(150, 'a')).toEqual(['a', 'b'])
})

test('where somebody is stands in the bar, in its place', () => {
  expect(names(150, 'd')).toEqual(['a', 'd'])
  expect(names(60, 'd')).toEqual(['d'])
})
