import { expect, test } from 'vitest'
import { readReceipt } from './receipt-code'

const CODES = ['9B5S-EH64-42EX', 'KYBU-T39J-KDA3', 'T7V5-A8ZY-2VPH']

test('a receipt of the server is read however it is typed', () => {
  for (const code of CODES) {
    expect(readReceipt(code)).toEqual({ receipt: code })
    expect(readReceipt(` ${code.toLowerCase().replaceAll('-', ' ')} `)).toEqual({ receipt: code })
  }
})

test('what is mistyped is told apart from what is too short and what is no receipt', () => {
  expect(readReceipt('9B5S-EH64-42EY')).toEqual({ wrong: 'mistyped' })
  expect(readReceipt('B95S-EH64-42EX')).toEqual({ wrong: 'mistyped' })
  expect(readReceipt('9B5S-EH64')).toEqual({ wrong: 'length' })
  expect(readReceipt('9B5S-EH64-42E0')).toEqual({ wrong: 'characters' })
})
