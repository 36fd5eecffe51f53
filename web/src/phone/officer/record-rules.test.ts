/** What the phone says is missing, beside what the server refuses: tests/rules/test_phone_record.py reads the same file.
 *
 * WRITE_FIXTURES=1 npm run test -- record-rules writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { aDraft, aPerson, missing, OUTCOMES, recordOf, type Draft, type PersonMet } from './record'

const FILE = new URL('./fixtures/records.json', import.meta.url)
const AT = '2016-09-19T06:40:00Z'
const PEOPLE: Record<string, Partial<PersonMet>[]> = {
  nobody: [],
  unknown: [{}],
  willing: [{ sex: 'male', age_band: 'adult', capacity: 'capable', consent: 'given' }],
  unwilling: [{ sex: 'male', age_band: 'adult', capacity: 'capable', consent: 'refused' }],
  drunk: [{ sex: 'male', capacity: 'limited', consent: 'not_possible' }],
  grounded: [{ sex: 'male', capacity: 'limited', consent: 'not_possible', consent_ground: '醉酒，天冷' }],
  old_woman: [{ sex: 'female', age_band: 'old', consent: 'given', vulnerable: ['hardly_mobile'] }],
  old_unwilling: [{ age_band: 'old', consent: 'refused' }],
  child: [{ sex: 'male', age_band: 'child', consent: 'given' }],
  boy: [{ sex: 'male', age_band: 'teen', consent: 'refused', searched: true }],
  ill: [{ sex: 'male', consent: 'given', acutely_ill: true }],
  foreigner: [{ sex: 'male', consent: 'given', is_foreigner: true }],
  hurt_at_home: [{ sex: 'female', age_band: 'adult', consent: 'refused', suspicions: ['domestic_violence'] }],
  family: [{ sex: 'female', age_band: 'adult', consent: 'given' }, { age_band: 'infant', consent: 'given' }],
} // prettier-ignore
const FILLED: Partial<Draft> = {
  infoLeft: true, supplies: ['station_card'], persuasion: '劝过', stationToldAt: AT, medicalCalledAt: AT, medicalNote: '留观', policeToldAt: AT,
  policeToldBy: '张', foreignAffairsToldAt: AT, familyChecked: true, department: '城管', duplicateOf: '2016091900001', note: '已核实',
  facility: '救助站', receiver: '王', crewHasWoman: true, crewSignature: { id: '01574091-2f00-7000-8000-000000000001', small: '' },
  receiverSignature: { id: '01574091-2f00-7000-8000-000000000002', small: '' },
} // prettier-ignore
const FILLS: Record<string, Partial<Draft>> = {
  bare: {},
  filled: FILLED,
  alone: { ...FILLED, crewSize: 1, crewHasWoman: false, crewHasMan: false },
  separated: { ...FILLED, separated: true },
  death: { ...FILLED, incident: 'death', policeToldAt: null, note: '' },
}

/** Only what is not as usual, so that the file stays one that people can read. */
const plain = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(plain)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value).flatMap(([key, one]) => (isUsual(key, one) ? [] : [[key, plain(one)]])),
        )
      : value
const isUsual = (key: string, one: unknown): boolean =>
  one === null || (one === '' && key !== 'family_separated_ground') || one === 'unknown' || one === 'not_asked' || (Array.isArray(one) && !one.length) ||
  (one === false && key !== 'crew_has_man') || (one === true && key === 'crew_has_man') || (one === 2 && key === 'crew_size') || one === 0 // prettier-ignore

/** Every outcome with all kinds of people; what makes no other record is left out. */
function records() {
  const found = new Map<string, { name: string; record: unknown; missing: string[] }>()
  for (const outcome of OUTCOMES) {
    for (const [who, people] of Object.entries(PEOPLE)) {
      for (const [fill, more] of Object.entries(FILLS)) {
        if ((fill === 'separated' && who !== 'family') || (fill === 'death' && who !== 'willing')) continue
        const draft = { ...aDraft(people.map(aPerson)), ...more, outcome }
        const record = plain(recordOf(draft, AT, said => said))
        const codes = [...new Set(missing(draft).map(one => one.code))].sort()
        const key = JSON.stringify(record)
        if (!found.has(key)) found.set(key, { name: `${outcome}, ${who}, ${fill}`, record, missing: codes })
      }
    }
  }
  return [...found.values()]
}

test('the records beside the server’s rules are those of today', () => {
  const text = `[\n${records()
    .map(one => JSON.stringify(one))
    .join(',\n')}\n]\n`
  if (process.env.WRITE_FIXTURES) writeFileSync(FILE, text)
  expect(readFileSync(FILE, 'utf-8')).toBe(text)
})
