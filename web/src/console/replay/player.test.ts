import { describe, expect, it } from 'vitest'
import { stepsOf } from './player'

describe('positions of the past', () => {
  it('become points in time, oldest first, whatever team they are of', () => {
    const start = '2016-09-19T06:00:00Z'
    const ways = {
      start,
      teams: [
        { team_id: 'a', points: [[0, 121.6, 38.9, 90], [20, 121.7, 38.9, null]] },
        { team_id: 'b', points: [[10, 121.5, 38.8, null]] },
      ],
    } // prettier-ignore
    const steps = stepsOf(ways)
    expect(steps.map(step => [step.teamId, (step.at - Date.parse(start)) / 1000])).toEqual([
      ['a', 0],
      ['b', 10],
      ['a', 20],
    ])
    expect(steps[0]!.heading).toBe(90)
  })
})
