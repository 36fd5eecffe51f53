import { expect, test } from 'vitest'
import { keysAt } from './desk-keys'
import type { Desk } from './router'
import { firstDesk } from './start'

const desks = ['board', 'hotline', 'verification', 'teams', 'admin'].map(name => ({ name }) as Desk)

test('everybody begins at the desk that is theirs', () => {
  const first = (...roles: string[]) => firstDesk(roles, desks)?.name
  expect(first('operator')).toBe('hotline')
  expect(first('checker')).toBe('verification')
  expect(first('admin')).toBe('admin')
  expect(first('dispatcher')).toBe('board')
  expect(first('operator', 'shift_leader')).toBe('board')
  expect(first('civil_affairs')).toBe('board')
  expect(firstDesk(['driver'], [])).toBeUndefined()
})

test('the keys are those of the desk one is at', () => {
  const of = (desk: string) => keysAt(desk).map(([keys]) => keys)
  expect(of('hotline')).toEqual(['F2', 'F3', 'F4', 'F6', '1 … 9', 'F7', 'F8', 'F9', 'Ctrl+Enter'])
  expect(of('teams')).toContain('1 / 2 / 3')
  expect(of('verification')).toContain('P')
  expect(of('admin')).toEqual([])
})
