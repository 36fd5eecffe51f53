import { expect, test } from 'vitest'
import { oneAtATime } from './looking'

test('whatever calls while it runs has it run once more, and no more', async () => {
  const open: (() => void)[] = []
  let runs = 0
  const look = oneAtATime(() => {
    runs += 1
    return new Promise<void>(done => open.push(done))
  })
  const settle = async () => {
    open.shift()!()
    await new Promise(done => setTimeout(done))
  }
  look()
  look()
  look()
  expect(runs).toBe(1)
  await settle()
  expect(runs).toBe(2)
  await settle()
  expect(runs).toBe(2)
  look()
  expect(runs).toBe(3)
})

test('a question that fails does not end the asking', async () => {
  let runs = 0
  const look = oneAtATime(async () => {
    runs += 1
    throw new Error('away')
  })
  look()
  await new Promise(done => setTimeout(done))
  look()
  expect(runs).toBe(2)
})
