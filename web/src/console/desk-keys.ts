/** What the keys do at each desk, as the card of keys shows it. */

/** Keys, and the word for what they do: under `keys` of `words` here. */
type Key = readonly [keys: string, what: string]

const LIST: Key = ['↑ ↓ / J K', 'move']
const KEYS: Readonly<Record<string, readonly Key[]>> = {
  board: [LIST, ['Enter', 'open'], ['A', 'accept'], ['T', 'assign'], ['M', 'join'], ['W', 'widen'], ['/', 'filter'], ['G', 'map'], ['Esc', 'back']],
  hotline: [['F2', 'new'], ['F3', 'people'], ['F4', 'place'], ['F6', 'dangers'], ['1 … 9', 'danger'], ['F7', 'similar'], ['F8', 'park'], ['F9', 'parked'], ['Ctrl+Enter', 'dispatch']],
  verification: [LIST, ['P', 'pass'], ['R', 'sendBack'], ['C', 'callBacks'], ['Esc', 'back']],
  teams: [LIST, ['1 / 2 / 3', 'duty'], ['E', 'edit'], ['/', 'filter'], ['Esc', 'back']],
  replay: [['Space', 'play'], ['N', 'nextEvent'], ['← →', 'minute'], ['+ −', 'speed'], ['J K', 'move'], ['Esc', 'back']],
} // prettier-ignore

export const keysAt = (desk: string): readonly Key[] => KEYS[desk] ?? []

export const words = {
  zh: {
    keys: {
      move: '上一条 / 下一条',
      open: '打开案卷',
      accept: '受理',
      assign: '指派（改派）队伍',
      join: '并案',
      widen: '扩大搜索',
      filter: '筛选',
      map: '定位到地图',
      back: '返回列表',
      new: '新来电',
      people: '人数',
      place: '找地点',
      dangers: '有没有危险',
      danger: '选、取消一种危险',
      similar: '是不是同一件事',
      park: '暂存来电',
      parked: '暂存的来电',
      dispatch: '派遣',
      pass: '核查通过',
      sendBack: '退回重办',
      callBacks: '案卷 / 回电',
      duty: '在岗 / 休息 / 下岗',
      edit: '修改队伍',
      play: '播放 / 暂停',
      nextEvent: '下一事件',
      minute: '前后一分钟',
      speed: '快慢',
    },
  },
  en: {
    keys: {
      move: 'Previous / next',
      open: 'Open the case',
      accept: 'Accept',
      assign: 'Assign (re-assign) a team',
      join: 'Join',
      widen: 'Search wider',
      filter: 'Filter',
      map: 'Show on the map',
      back: 'Back to the list',
      new: 'New call',
      people: 'People',
      place: 'Find a place',
      dangers: 'Dangers',
      danger: 'Tick or untick a danger',
      similar: 'Is it one of these?',
      park: 'Park the call',
      parked: 'Parked calls',
      dispatch: 'Dispatch',
      pass: 'Verified',
      sendBack: 'Send back',
      callBacks: 'Cases / call-backs',
      duty: 'On duty / resting / off duty',
      edit: 'Change the team',
      play: 'Play / pause',
      nextEvent: 'Next event',
      minute: 'A minute back or on',
      speed: 'Slower, faster',
    },
  },
}
