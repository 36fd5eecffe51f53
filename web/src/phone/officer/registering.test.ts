import { expect, test } from 'vitest'
import { aPerson } from './record'
import { aCard, bodyOf, isEmpty } from './registering'

test('nothing written and no photo is nobody to know again', () => {
  expect(isEmpty(aCard())).toBe(true)
  expect(isEmpty({ ...aCard(), marks: [{ kind: 'scar', where: 'left_arm', words: '' }] })).toBe(false)
})

test('what the form of the visit says goes along, and no photo stands in the body', () => {
  const person = aPerson({ sex: 'male', age_band: 'old', vulnerable: ['hardly_mobile'] })
  const card = { ...aCard(), description: ' 灰白短发 ', photos: [{ id: 'p', small: 'data:' }] }
  expect(bodyOf(card, person, 'c')).toEqual({
    case_id: 'c',
    sex: 'male',
    age_band: 'old',
    told: {
      description: '灰白短发',
      accent: '',
      marks: [],
      vulnerable: ['hardly_mobile'],
      suspicions: [],
      is_foreigner: false,
    },
  })
})
