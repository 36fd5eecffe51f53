import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { codeIn, compared, digestOf, LARGEST } from './compare'

const PDF = new TextEncoder().encode('%PDF-1.7 求助登记表'.repeat(1000))
const ISSUED = createHash('sha256').update(PDF).digest('hex')

test('the digest of a file is the one that the server keeps', () => {
  expect(digestOf(PDF)).toBe(ISSUED)
})

test('one changed byte is another file', async () => {
  expect(await compared(new Blob([PDF]), ISSUED)).toBe('same')
  const touched = PDF.slice()
  touched[100]! ^= 1
  expect(await compared(new Blob([touched]), ISSUED)).toBe('other')
  expect(await compared({ size: LARGEST + 1 } as Blob, ISSUED)).toBe('too_big')
})

test('the code stands in the address', () => {
  expect(codeIn('/check/7KQM-X4TA-9RWE-52NB')).toBe('7KQM-X4TA-9RWE-52NB')
  expect(codeIn('/check')).toBe('')
  expect(codeIn('/check/%E7%9A%84')).toBe('的')
})
